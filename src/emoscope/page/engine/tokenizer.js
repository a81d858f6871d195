// Normalized texts to token ids, as the library `tokenizers` makes them for BERT: words are split at punctuation, and
// each is the fewest pieces of the vocabulary from the left. Other kinds of tokenizer are an error.

const MAX_CACHED_WORDS = 100_000;
const MAX_CACHED_LENGTH = 64;
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const REMOVED = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu;
const MARKS = /\p{Mn}/gu;
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu;
const LONE_SURROGATES = /[\ud800-\udfff]/gu;

/** Windows of a text: its token ids, divided where the text is longer than the longest input of the model. */
export class Tokenizer {
  /**
   * @param {object} settings contents of a tokenizer.json
   * @param {number} maxLength maximum number of tokens of a window, special tokens included
   */
  constructor(settings, maxLength) {
    check(settings);
    const { model, normalizer } = settings;
    this.vocabulary = new Map(Object.entries(model.vocab));
    this.unknown = this.vocabulary.get(model.unk_token);
    this.prefix = model.continuing_subword_prefix;
    this.maxWord = model.max_input_chars_per_word;
    this.normalizer = { ...normalizer, strip_accents: normalizer.strip_accents ?? normalizer.lowercase };
    this.added = addedTokens(settings.added_tokens ?? []);
    [this.before, this.after] = specialTokens(settings.post_processor, this.vocabulary);
    this.filler = this.before.length + this.after.length ? [] : [this.vocabulary.get("[PAD]") ?? 0];
    this.maxContent = maxLength - this.before.length - this.after.length;
    this.cache = new Map();
  }

  /** Token ids of a text, without special tokens. */
  encode(text) {
    const ids = [];
    for (const word of text.split(" ")) for (const id of this.wordIds(word)) ids.push(id);
    return ids;
  }

  /** Token ids of the windows of a text, special tokens included; none is empty. */
  windows(text) {
    const ids = this.encode(text);
    const count = Math.max(1, Math.ceil(ids.length / this.maxContent));
    const cut = (i) => Math.floor((ids.length * i) / count);
    return Array.from({ length: count }, (_, i) => {
      const content = ids.slice(cut(i), cut(i + 1));
      return [...this.before, ...(content.length ? content : this.filler), ...this.after];
    });
  }

  wordIds(word) {
    let ids = this.cache.get(word);
    if (ids) return ids;
    ids = this.newWordIds(word.replace(LONE_SURROGATES, "\ufffd"));
    if (this.cache.size >= MAX_CACHED_WORDS) this.cache.clear();
    if (word.length <= MAX_CACHED_LENGTH) this.cache.set(word, ids);
    return ids;
  }

  newWordIds(word) {
    if (!this.added) return this.pieces(word);
    return word.split(this.added.pattern).flatMap((part, i) => (i % 2 ? [this.added.ids.get(part)] : this.pieces(part)));
  }

  pieces(text) {
    const words = this.normalized(text).replace(PUNCTUATION, " $& ").split(" ");
    return words.flatMap((word) => (word ? this.wordPieces(word) : []));
  }

  normalized(text) {
    const { clean_text, handle_chinese_chars, strip_accents, lowercase } = this.normalizer;
    if (clean_text) text = text.replace(REMOVED, "");
    text = text.replace(/\p{White_Space}/gu, " ");
    if (handle_chinese_chars) text = text.replace(CHINESE, " $& ");
    if (strip_accents) text = text.normalize("NFD").replace(MARKS, "");
    return lowercase ? text.replaceAll("Σ", "σ").toLowerCase() : text; // there is no final sigma
  }

  /** The fewest pieces of a word from the left; the token for unknown words if there are none, or the word is too long. */
  wordPieces(word) {
    const chars = Array.from(word);
    if (chars.length > this.maxWord) return [this.unknown];
    const ids = [];
    for (let start = 0; start < chars.length; ) {
      let end = chars.length;
      let id;
      while (end > start) {
        id = this.vocabulary.get((start ? this.prefix : "") + chars.slice(start, end).join(""));
        if (id !== undefined) break;
        end--;
      }
      if (id === undefined) return [this.unknown];
      ids.push(id);
      start = end;
    }
    return ids;
  }
}

function check({ model, normalizer, pre_tokenizer: preTokenizer }) {
  const kinds = [model, normalizer, preTokenizer].map((part) => part?.type ?? "none");
  const allowed = ["WordPiece", "BertNormalizer", "BertPreTokenizer"];
  if (kinds.some((kind, i) => kind !== allowed[i])) {
    throw new Error(`tokenizer.json has ${kinds.join(", ")}; allowed: ${allowed.join(", ")}, as in BERT and the bundled model`);
  }
}

function addedTokens(tokens) {
  const contents = tokens.filter(({ normalized }) => !normalized).map(({ content }) => content);
  if (!contents.length) return null;
  const escaped = contents.map((content) => content.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return { pattern: new RegExp(`(${escaped.join("|")})`), ids: new Map(tokens.map(({ content, id }) => [content, id])) };
}

/** Ids that are added before and after every text. */
function specialTokens(processor, vocabulary) {
  if (!processor) return [[], []];
  if (processor.type === "BertProcessing") return [[processor.cls[1]], [processor.sep[1]]];
  if (processor.type === "TemplateProcessing") {
    const place = processor.single.findIndex((part) => part.Sequence);
    const ids = (parts) => parts.map((part) => vocabulary.get(part.SpecialToken.id));
    return [ids(processor.single.slice(0, place)), ids(processor.single.slice(place + 1))];
  }
  throw new Error(`tokenizer.json has the post-processor ${processor.type}; allowed: BertProcessing, TemplateProcessing`);
}
