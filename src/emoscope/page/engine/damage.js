// Fixes the damage that exports and wrong encodings do to English text, as emoscope/text_damage.py does.

import { isAscii, WORD } from "./classes.js";
import { CP1252, ENTITIES, MOJIBAKE } from "./tables.js";

export const APOSTROPHES = "'`´‘’‛ʼ′＇\x18\x19";
const MAX_DECODINGS = 10; // a text may have been escaped several times
const MAX_CODE = 0x10ffff;

// Bytes by the characters that they are in Windows-1252 and in Latin-1.
const BYTES = new Map();
for (let byte = 0x80; byte < 0x100; byte++) BYTES.set(String.fromCharCode(byte), byte);
[...CP1252].forEach((char, i) => BYTES.set(char, 0x80 + i));
const CONTROLS = new Map([...CP1252].map((char, i) => [String.fromCharCode(0x80 + i), char]));
const NEXT = `[${[...BYTES].filter(([, byte]) => byte < 0xc0).map(([char]) => char).join("")}]`;
const END = `(?![${WORD}])`;

const WRONG_ENCODING = new RegExp(
  `[ÃÂ]${NEXT}|Å[¡“¸½¾]|Ë[†œ]|Æ’|â${NEXT}{2}|ï[¸»¼½¾¿]${NEXT}|ð[Ÿ\\x9f]${NEXT}{2}` +
    `|Â${END}|â€\\ufffd?|â¤|ï¸|â(?:(?=t${END})(?<=nâ)|(?=(?:s|m|re|ve|ll|d)${END})(?<=[A-Za-z]â))` +
    "|(?:‚Ä|ΓÇ|ÔÇ|вЂ).|[√¬├┬].|[\\x80-\\x9f]|[\\ud800-\\udfff]",
  "gsu",
);
const SUSPECT = /[ÃÂÅËÆâïð‚ΓÔв√¬├┬\x80-\x9f\ud800-\udfff]/u;
const ENTITY = /&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});/g;
const NUMBER = /&#[0-9]{2,4}(?![0-9])(?: ?;)?|#[0-9]{2,4};/g;
const ESCAPE =
  /\\(?<!\\\\)\\*(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([nrt])|(['"\/]))/g;
const DRIVE = new RegExp(`(?<![${WORD}])[A-Za-z]:\\\\`, "u");
const ANGLE_ESCAPE = /<U\+([0-9A-Fa-f]{4,8})>/g;
const PERCENT = /[%=](?<=[A-Za-z].)(?:27|92|[Ee]2[%=]80[%=]9[89])(?=[A-Za-z])/g;

/** The text with HTML entities, escapes, mojibake and C1 controls decoded. */
export const fixEncoding = (text) => decodeMojibake(decodeEscapes(decodeEntities(text)));

function decodeEntities(text) {
  if (!((text.includes(";") && /[&#]/.test(text)) || text.includes("&#"))) return text;
  const decoded = repeated(text, ENTITY, (entity) => entityText(entity.slice(1, -1)));
  return decoded.replace(NUMBER, (number) => entityText(`#${number.match(/[0-9]+/)[0]}`));
}

/** The text of an entity of HTML 5, given without "&" and ";". */
function entityText(name) {
  if (name[0] === "#") return charOfReference(/^#[xX]/.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10));
  if (ENTITIES.has(`${name};`)) return ENTITIES.get(`${name};`);
  for (let end = name.length; end > 1; end--) {
    const found = ENTITIES.get(name.slice(0, end));
    if (found !== undefined) return `${found}${name.slice(end)};`;
  }
  return `&${name};`;
}

function charOfReference(code) {
  if (code >= 0x80 && code < 0xa0) return CONTROLS.get(String.fromCharCode(code));
  if (code === 0 || code > MAX_CODE || (code >= 0xd800 && code <= 0xdfff)) return "\ufffd";
  const isNoCharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  const isControl = code < 0x20 && ![0x9, 0xa, 0xc, 0xd].includes(code);
  return isNoCharacter || isControl || code === 0x7f ? "" : String.fromCodePoint(code);
}

function decodeEscapes(text) {
  if (text.includes("\\")) text = decodeBackslashes(text);
  if (text.includes("<U+")) text = text.replace(ANGLE_ESCAPE, (_, code) => charOfCode(code));
  return /[%=]/.test(text) ? text.replace(PERCENT, "'") : text;
}

function decodeBackslashes(text) {
  const hasPath = DRIVE.test(text);
  return text.replace(ESCAPE, (escape, four, braced, eight, two, space, quote) => {
    const code = four ?? braced ?? eight ?? two;
    if (code) return charOfCode(code);
    return quote ?? (hasPath ? escape : " ");
  });
}

const charOfCode = (code) => String.fromCodePoint(Math.min(parseInt(code, 16), MAX_CODE));

function decodeMojibake(text) {
  if (isAscii(text) || !SUSPECT.test(text)) return text;
  return repeated(text, WRONG_ENCODING, decoded);
}

/** The text with all matches replaced, again and again until nothing changes. */
function repeated(text, pattern, replace) {
  for (let i = 0; i < MAX_DECODINGS; i++) {
    const before = text;
    text = text.replace(pattern, replace);
    if (text === before) break;
  }
  return text;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(found) {
  const known = CONTROLS.get(found) ?? MOJIBAKE.get(found);
  if (known !== undefined) return known;
  if (/^[\ud800-\udfff]/u.test(found)) return "\ufffd";
  const bytes = Array.from(found, (char) => BYTES.get(char));
  if (bytes.includes(undefined)) return found;
  try {
    return utf8.decode(Uint8Array.from(bytes));
  } catch {
    return found;
  }
}

// Contractions whose apostrophe is missing, became another character, or has a space beside it.
const GAP = ` ?[${APOSTROPHES}] ?|[?*^;"~_\\ufffd]{1,3}|[ .,\\-]`;
const CONTRACTION = new RegExp(
  `(?<![${WORD}])([${WORD}]+)(${GAP})([Nn](?:${GAP})?[Tt]|[TtSsMmDd]|[RrVv][Ee]|[Ll][Ll])(?![${WORD}${APOSTROPHES}\\-])`,
  "gu",
);
const LETTER_BEFORE = new RegExp(`(?<![${WORD}])[${WORD}] $`, "u");
const BEFORE_NOT = new Set(
  "ai are ca could dare did do does did had has have is may might must need ought sha should was were wo would".split(" "),
);
const ENDINGS_OF = new Map([["i", ["m", "ve", "ll", "d"]]]);
for (const word of ["you", "we", "they"]) ENDINGS_OF.set(word, ["re", "ve", "ll", "d"]);
for (const word of "he she it that what who where there here how let".split(" ")) ENDINGS_OF.set(word, ["s", "ll", "d"]);
for (const word of "could might must should would".split(" ")) ENDINGS_OF.set(word, ["ve"]);
const POSSESSIVE = new Set([...APOSTROPHES, "\ufffd", "\ufffd\ufffd", "\ufffd\ufffd\ufffd"]);

/** Words of a normalized text that may be parts of a contraction; without one, there is nothing to join. */
export const ENDINGS = new Set(["t", "s", "m", "d", "re", "ve", "ll", "nt"]);

/** The text with an apostrophe in "was n't", "wasn ’ t", "wasn\ufffdt", "wasn?t" and "I wasn t". */
export const joinContractions = (text) => text.replace(CONTRACTION, joined);

function joined(found, word, gap, ending, start, text) {
  if (/^[Nn]/.test(ending)) return BEFORE_NOT.has(word.toLowerCase()) ? `${word}n't` : found;
  return isContraction(word, gap, ending, text.slice(Math.max(0, start - 6), start)) ? `${word}'${ending}` : found;
}

function isContraction(word, gap, ending, before) {
  if (/^[Tt]$/.test(ending)) return /[Nn]$/.test(word) && BEFORE_NOT.has(word.slice(0, -1).toLowerCase());
  if (POSSESSIVE.has(gap.trim())) return !gap.includes("\ufffd") || /^[Ss]$/.test(ending);
  const isKnown = ENDINGS_OF.get(word.toLowerCase())?.includes(ending.toLowerCase());
  return !".,-".includes(gap) && Boolean(isKnown) && !isLetter(word, ending, before);
}

/** Whether the ending is a letter of its own: "that D", "F R I D A Y". */
const isLetter = (word, ending, before) => (isUpperCase(ending) && !isUpperCase(word)) || LETTER_BEFORE.test(before);

const isUpperCase = (text) => text === text.toUpperCase() && text !== text.toLowerCase();
