// Logits to probabilities of labels and of neutral, with what emoscope.json has fitted.

const MIN_PROBABILITY = 1.1754943508222875e-38; // of float32

/** How the logits of a model become probabilities. */
export class Calibration {
  /**
   * @param {object} values contents of emoscope.json
   * @param {boolean} isMultiLabel whether each label has a probability of its own
   */
  constructor(values, isMultiLabel) {
    this.temperature = values.temperature ?? 1;
    this.neutral = values.neutral ?? null;
    this.isMultiLabel = isMultiLabel;
    this.writtenFactor = values.written?.temperature_factor ?? 1;
  }

  /** Whether the last output is the one for neutral texts, rather than a label. */
  get hasNeutralOutput() {
    return this.neutral?.scale !== undefined;
  }

  /** Probabilities of the labels of one row and, last, of neutral if the model gives it. */
  probabilities(logits) {
    const labels = this.hasNeutralOutput ? logits.slice(0, -1) : logits;
    const scaled = Array.from(labels, (value) => value / this.temperature);
    const rows = this.isMultiLabel ? scaled.map(sigmoid) : softmax(scaled);
    if (this.hasNeutralOutput) rows.push(sigmoid(this.neutral.scale * logOdds(logits) + this.neutral.bias));
    else if (this.neutral) rows.push(sigmoid(this.neutral.threshold - distance(rows, this.neutral.centre)));
    return rows;
  }

  /** The row of a written text (`isWritten`), at the temperature of those. */
  ofWritten(row) {
    if (this.writtenFactor === 1) return row;
    const labels = this.neutral ? row.slice(0, -1) : row;
    const scaled = softmax(labels.map((value) => logarithm(value) / this.writtenFactor));
    return this.neutral ? [...scaled, row.at(-1)] : scaled;
  }
}

export const sigmoid = (value) => 0.5 * (1 + Math.tanh(0.5 * value));

export function softmax(values) {
  const peak = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - peak));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

export const logarithm = (probability) => Math.log(Math.max(probability, MIN_PROBABILITY));

/** Log-odds of the last output under one softmax over all. */
function logOdds(logits) {
  const others = Array.from(logits.slice(0, -1));
  const peak = Math.max(...others);
  return logits.at(-1) - peak - Math.log(others.reduce((sum, value) => sum + Math.exp(value - peak), 0));
}

/** Aitchison's distance of probabilities from a point, as models of emoscope 0.1 record it. */
function distance(probabilities, centre) {
  const logs = probabilities.map(logarithm);
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return Math.hypot(...logs.map((value, i) => value - mean - centre[i]));
}
