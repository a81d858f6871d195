// Normalizers: raw text to the form of text that a model was trained on, as emoscope/text.py does.

import { isAscii, SPACE, splitWords, WORD } from "./classes.js";
import { APOSTROPHES, ENDINGS, fixEncoding, joinContractions } from "./damage.js";
import { EMOJI_NAMES } from "./tables.js";

const PLAIN = /^(?:[a-z0-9]+(?: [a-z0-9]+)*)?$/;
const HTML =
  "a|abbr|b|big|blockquote|br|center|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strike|strong" +
  "|sub|sup|table|tbody|td|th|tr|u|ul";
const SIGN = /[!-\/:-@A-Z[-`{-~]/;
const HASHTAG = new RegExp(`#(?<![${WORD}/]#)[${WORD}]+`, "gu");
const CAMEL_CASE = /(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g;
const TAG = new RegExp(`</?(?:${HTML})(?:[${SPACE}][^<>=]*=[^<>]*|[${SPACE}]*/?)>`, "gu");
const URL_PATTERN = new RegExp(`(?:https?://|www\\.|pic\\.twitter\\.com/)[^${SPACE}]+`, "gu");
const MENTION = new RegExp(`@(?<![${WORD}]@)[${WORD}]+`, "gu");
const SPACE_BEFORE_MARK = new RegExp(` +(?=[.,!?;:](?:[${SPACE}]|$))`, "gu");
const EMOTICON = new RegExp(
  `[:;=<](?<![^${SPACE}][:;=<])(?:'?-?([)(\\]dop/\\\\|])\\1*|/?3+)(?![^${SPACE}.,!?])`,
  "gu",
);

// The eyes "=" are read as ":", noses are removed, and the last character may be repeated.
const EMOTICONS = new Map([
  [":)", "smiling face"],
  [":]", "smiling face"],
  [":d", "grinning face"],
  [";)", "winking face"],
  [":p", "face stuck out tongue"],
  [":(", "frowning face"],
  [":'(", "crying face"],
  [":/", "confused face"],
  [":\\", "confused face"],
  [":|", "neutral face"],
  [":o", "astonished face"],
  ["<3", "heart"],
  ["</3", "broken heart"],
]);

const LONG = 1000; // characters below which no run of combining marks takes long
const MARKS = /(?:(?!\u034f)\p{M}){30}(?=(?!\u034f)\p{M})/gu; // U+034F divides them
const EMOJI = /[\u2600-\u27bf\u2b00-\u2bff\u{1f300}-\u{1faff}]/u;
const INVISIBLE = /[\p{Cf}\p{Me}\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u{1f3fb}-\u{1f3ff}\u180b-\u180d\u180f]/u;
const REPLACED = new RegExp(`[^\\p{L}\\p{M}\\p{N}]|[${APOSTROPHES}\\p{Me}\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}\\u180b-\\u180f]`, "gu");
const QUOTES = new Map([["“", '"'], ["”", '"'], ["„", '"'], ["«", '"'], ["»", '"'], ["–", "-"], ["—", "-"]]);

const isPlain = (text) => PLAIN.test(text);

/** The normalizer `plain`: lower-case words separated by single spaces, without punctuation. */
export const normalize = (text) => (isPlain(text) ? text : undamaged(text).words.join(" "));

/** The normalizer `marked`: the plain text, after "! " if the raw text was not plain. */
export function mark(text) {
  if (isPlain(text) || (text.startsWith("! ") && normalize(text.slice(2)) === text.slice(2))) return text;
  const { fixed, words } = undamaged(text);
  const plain = words.join(" ");
  return equal(words, splitWords(fixed)) ? plain : `! ${plain}`;
}

/** Whether a text is one of those that `mark` marks. */
export function isWritten(text) {
  return isAscii(text) ? /[^a-z0-9 \t-\r\x1c-\x1f]/.test(text) : mark(text).startsWith("! ");
}

/** The normalizer `written`: lower case with punctuation. */
export function keepPunctuation(text) {
  let written = withoutMarkup(joinContractions(fixEncoding(text)));
  if (!isAscii(written)) written = nfkc(written.replace(/[^]/gu, writtenCharacter));
  return splitWords(written.replace(SPACE_BEFORE_MARK, "")).join(" ");
}

/** Normalizers by name; `raw`, for other people's checkpoints, leaves a text as it is. */
export const NORMALIZERS = new Map([
  ["raw", (text) => text],
  ["plain", normalize],
  ["marked", mark],
  ["written", keepPunctuation],
]);

/** The text with damage fixed, and its words; words in plain form stay as they are. */
function undamaged(text) {
  let fixed = fixEncoding(text);
  let words = wordsOf(fixed);
  if (words.some((word) => ENDINGS.has(word))) {
    fixed = joinContractions(fixed);
    words = wordsOf(fixed);
  }
  const original = splitWords(text);
  if (fixed !== text && !SIGN.test(text) && equal(wordsOf(text), original)) return { fixed: text, words: original };
  return { fixed, words };
}

const equal = (some, others) => some.length === others.length && some.every((word, i) => word === others[i]);

function wordsOf(text) {
  const replaced = withoutMarkup(text).replace(REPLACED, replacement);
  return splitWords(isAscii(replaced) ? replaced : composed(replaced));
}

/** The text in lower case without tags, URLs and mentions, with hashtags as words and emoticons as their names. */
export function withoutMarkup(text) {
  if (text.includes("#")) text = text.replace(HASHTAG, (hashtag) => ` ${hashtag.slice(1).replace(CAMEL_CASE, " ")}`);
  text = text.toLowerCase();
  if (text.includes("<")) text = text.replace(TAG, " ");
  if (/\/|www\./.test(text)) text = text.replace(URL_PATTERN, " ");
  if (text.includes("@")) text = text.replace(MENTION, " ");
  return /[:;=<]/.test(text) ? text.replace(EMOTICON, emoticonWords) : text;
}

function emoticonWords(found) {
  const last = found.at(-1);
  let end = found.length;
  while (found[end - 1] === last) end--;
  const words = EMOTICONS.get((found.slice(0, end) + last).replaceAll("-", "").replaceAll("=", ":"));
  return words ? ` ${words} ` : found;
}

const composed = (text) => nfkc(nfkc(text).toLowerCase().replace(REPLACED, replacement));

/** NFKC in linear time. Long runs of combining marks, which it sorts in quadratic time, are divided before. */
const nfkc = (text) => divided(divided(text).normalize("NFKC"));

const divided = (text) => (text.length < LONG ? text : text.replace(MARKS, "$&\u034f"));

const cache = new Map();

function replacement(char) {
  let found = cache.get(char);
  if (found === undefined) cache.set(char, (found = newReplacement(char)));
  return found;
}

function newReplacement(char) {
  if (APOSTROPHES.includes(char) || INVISIBLE.test(char)) return "";
  return isEmoji(char) ? ` ${EMOJI_NAMES.get(char) ?? ""} ` : " ";
}

const isEmoji = (char) => EMOJI.test(char) && /\p{So}/u.test(char);

function writtenCharacter(char) {
  if (APOSTROPHES.includes(char)) return "'";
  if (INVISIBLE.test(char) || isEmoji(char)) return replacement(char);
  return QUOTES.get(char) ?? char;
}
