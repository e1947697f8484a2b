// Files that a browser hands over: which are pictures, and what the others are instead.

export const SUPPORTED = "JPEG, PNG, WebP, TIFF, BMP, PPM or GIF";

const ascii = (bytes, from, to) => String.fromCharCode(...bytes.slice(from, to));

// Beginnings that the service decodes.
const isPicture = (bytes) =>
  ascii(bytes, 0, 3) === "\xff\xd8\xff" ||
  ascii(bytes, 0, 8) === "\x89PNG\r\n\x1a\n" ||
  (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") ||
  ["II*\0", "MM\0*", "II+\0", "MM\0+", "GIF8"].includes(ascii(bytes, 0, 4)) ||
  ascii(bytes, 0, 2) === "BM" ||
  /^P[56]\s/.test(ascii(bytes, 0, 3));

// Those that people choose by mistake, in words.
const OTHERS = [
  [(b) => ascii(b, 0, 5) === "%PDF-", "a PDF"],
  [(b) => ascii(b, 0, 2) === "PK", "a ZIP archive or an office document"],
  [(b) => /^ftyp(hei|hev|mif)/.test(ascii(b, 4, 11)), "a HEIC photo, which has to be saved as JPEG first"],
  [(b) => ascii(b, 4, 12) === "ftypavif", "an AVIF picture, which has to be saved as JPEG or PNG first"],
  [(b) => ascii(b, 4, 8) === "ftyp", "a video"],
  [(b) => /^\s*<(\?xml|svg)/.test(ascii(b, 0, 16)), "an SVG or XML file"],
];

// What is wrong with a file, or null.
export async function whatIsWrong(file) {
  if (file.size === 0) return "It is empty.";
  let bytes;
  try {
    bytes = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  } catch {
    return "It cannot be read. If it is a folder, choose the images in it.";
  }
  if (isPicture(bytes)) return null;
  const what = OTHERS.find(([matches]) => matches(bytes))?.[1] ?? "something else";
  return `Expected ${SUPPORTED}, got ${what}.`;
}

export function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

// Requests of a size that a service takes and answers soon.
export function batchesOf(entries, { most = 8, bytes = 16_000_000 } = {}) {
  const batches = [];
  let last = [];
  let size = 0;
  for (const entry of entries) {
    if (last.length && (last.length >= most || size + entry.file.size > bytes)) {
      batches.push(last);
      [last, size] = [[], 0];
    }
    last.push(entry);
    size += entry.file.size;
  }
  return last.length ? [...batches, last] : batches;
}
