// A client of `emoscope serve` in JavaScript, for Node 18 or newer, Deno, Bun or a browser. Needs no package.
//
//   node client.mjs "i feel so happy" "leave me alone"
//   EMOSCOPE_URL=https://emotions.example.org EMOSCOPE_API_KEY=... node client.mjs "i feel so happy"

const MAX_TRIES = 5;

/** Labels and scores of texts, in columns, from POST /v1/predict. Retries a busy server after the time that it names. */
export async function predict(texts, { url = "http://127.0.0.1:8000", apiKey, signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const response = await fetch(`${url}/v1/predict`, { method: "POST", headers, body: JSON.stringify({ texts }), signal });
    const answer = await response.json();
    if (response.ok) return answer;
    if (![429, 503].includes(response.status) || triesLeft === 0)
      throw new Error(`${response.status} ${answer.error.code}: ${answer.error.message}`);
    const seconds = Number(response.headers.get("Retry-After") ?? 1);
    await new Promise((done) => setTimeout(done, 1000 * seconds));
  }
}

const { process } = globalThis;
if (process?.argv[1] && import.meta.url.endsWith(process.argv[1].split("/").pop())) {
  const texts = process.argv.slice(2);
  const { EMOSCOPE_URL: url, EMOSCOPE_API_KEY: apiKey } = process.env;
  try {
    const { label, score } = await predict(texts, { url, apiKey });
    texts.forEach((text, i) => console.log(label[i].padEnd(9), score[i].toFixed(3), "", text));
  } catch (error) {
    console.error(error.cause?.message ?? error.message);
    process.exitCode = 1;
  }
}
