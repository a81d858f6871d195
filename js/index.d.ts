/** The scores of one text. */
export interface Prediction {
  /** The label with the highest score. */
  label: string;
  /** That score, a probability from 0 to 1. */
  score: number;
  /** Probability of every label. */
  scores: Record<string, number>;
  /** Probability that the text expresses no emotion; null for a model without an output for that. */
  neutral: number | null;
  /** Whether `neutral` is 0.5 or more. */
  isNeutral: boolean;
}

/** A word of a text, or in a long text a run of words, and its contribution to the label. */
export interface WordAttribution {
  word: string;
  /** Index of its first character, in code points. */
  start: number;
  /** Index after its last character, in code points. */
  end: number;
  /** What the word adds to the probability of the label, from -1 to 1. */
  weight: number;
}

/** Why a text has its label. */
export interface Explanation {
  text: string;
  label: string;
  score: number;
  /** Each word is left out alone. */
  method: "loo";
  words: WordAttribution[];
  /** The word that decided, if the training data uses it for two labels, with the share of each; else null. */
  ambiguous: { word: string; shares: Record<string, number> } | null;
}

/** A sentence of a text with its scores; `start` and `end` are in code points. */
export interface ScoredSentence extends Prediction {
  text: string;
  start: number;
  end: number;
}

/** The scores of a text, combined from those of its sentences. */
export interface Timeline extends Prediction {
  sentences: ScoredSentence[];
}

/** A model that says which emotion a text expresses. */
export class EmotionClassifier {
  /**
   * Load a model folder.
   *
   * @param folder a URL, or in Node also a path; without it, the model in this package
   */
  static fromPretrained(folder?: string | URL): Promise<EmotionClassifier>;

  /** Names of the labels, in the order of the scores. */
  readonly labels: string[];

  /** The label of each text with all its scores. */
  predict(texts: readonly string[]): Promise<Prediction[]>;

  /** Probabilities of the labels of each text, in the order of `labels`. */
  predictProba(texts: readonly string[]): Promise<number[][]>;

  /** The probability that each text expresses no emotion; 1 for a blank text. */
  neutralProba(texts: readonly string[]): Promise<number[]>;

  /** How much each word contributed to the label of each text. */
  explain(texts: readonly string[]): Promise<Explanation[]>;

  /** The scores of each sentence of a text, and of the whole text combined from them. */
  timeline(text: string): Promise<Timeline>;
}
