// The npm package: the engine of emoscope with ONNX Runtime, and the model folder in this package.

import * as ort from "#onnxruntime";
import { reader } from "#read";

import { EmotionClassifier as Engine } from "./engine/classifier.js";

ort.env.wasm.numThreads = 1; // the bundled model is no faster with more

const BUNDLED = new URL("./model/", import.meta.url);

export class EmotionClassifier extends Engine {
  /** Load a model folder: a URL, or in Node also a path; without one, the model in this package. */
  static fromPretrained(folder = BUNDLED) {
    return this.load(reader(folder), ort);
  }
}
