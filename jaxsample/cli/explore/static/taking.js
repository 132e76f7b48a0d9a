// What people take along: copies, and pictures that the browser saves.
import { status } from "./asking.js";

export async function copied(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    status(`copied: ${button.dataset.copy}`);
  } catch {
    prompt("Copy this text:", text);
  }
}

export async function saved(picture, type) {
  if (!picture) return status("there is no picture yet");
  const drawn = new Blob([picture], { type: "image/svg+xml" });
  return download(type === "svg" ? drawn : await asPng(drawn), `next-token.${type}`);
}

async function asPng(drawn) {
  const image = new Image();
  image.src = URL.createObjectURL(drawn);
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * image.naturalWidth;
  canvas.height = 2 * image.naturalHeight;
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.body).backgroundColor; // the picture has none
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function download(blob, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(blob);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}
