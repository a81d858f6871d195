// Classes of characters as Python's regular expressions have them: those of JavaScript differ, or know ASCII only.

/** What \w matches: letters, digits and numbers of every script, and the underscore; for use inside brackets. */
export const WORD = "\\p{L}\\p{N}_";

/** What \s matches, and what `str.split` and `str.strip` take for white space; for use inside brackets. */
export const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const SPACES = new RegExp(`[${SPACE}]+`, "u");
const LEADING = new RegExp(`^[${SPACE}]+`, "u");
const TRAILING = new RegExp(`(?<![${SPACE}])[${SPACE}]+$`, "u");

/** The words between white space. */
export const splitWords = (text) => text.split(SPACES).filter(Boolean);

export const trimStart = (text) => text.replace(LEADING, "");

export const trim = (text) => trimStart(text).replace(TRAILING, "");

export const isBlank = (text) => trimStart(text) === "";

export const isAscii = (text) => !/[^\x00-\x7f]/.test(text);
