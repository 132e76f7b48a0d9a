// The shade of a token, from 0 (as expected) to 8.
const LAST = 8;

const SHADES = {
  probability: (token) => -Math.log2(Math.max(token.probability, 2 ** -LAST)),
  entropy: (token) => 2 * token.entropy,
  rank: (token) => 2 * Math.log2(1 + token.rank) ** 0.8,
  temperature: (token) => 4 * (token.temperature ?? 1),
};

export function shade(quantity, token) {
  if (token.chosen) return "chosen";
  return Math.max(0, Math.min(LAST, Math.round(SHADES[quantity](token))));
}

export function told(token) {
  if (token.chosen) return "chosen by hand";
  const percent = (p) => `${(100 * p).toPrecision(3)}%`;
  return [
    `${percent(token.probability)} under the chain`,
    `${percent(token.model_probability)} under the model`,
    `rank ${token.rank + 1}`,
    `entropy ${token.entropy.toFixed(3)} nats`,
    `kept ${token.kept}`,
    `temperature ${token.temperature?.toPrecision(3) ?? "–"}`,
  ].join("\n");
}
