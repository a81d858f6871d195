// Ask a running `emoscope serve` from JavaScript: Node 18 or newer, Deno, Bun or a browser; nothing to install.
//
//   node client.mjs "i feel so happy" "leave me alone"
//   EMOSCOPE_URL=https://emotions.example.org EMOSCOPE_API_KEY=... node client.mjs "i feel so happy"

const TRIES = 5;

/** Labels and scores of texts, in columns, as POST /v1/predict gives them. A busy server is asked again when it says. */
export async function predict(texts, { url = "http://127.0.0.1:8000", apiKey, signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (apiKey) headers.Authorization = `Bearer ${apiKey}`;
  for (let left = TRIES - 1; ; left--) {
    const response = await fetch(`${url}/v1/predict`, { method: "POST", headers, body: JSON.stringify({ texts }), signal });
    const answer = await response.json();
    if (response.ok) return answer;
    if (![429, 503].includes(response.status) || left === 0)
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
