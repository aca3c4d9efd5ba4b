"""Small pictures of pages: at most 256 colours, as indexed PNG."""

import base64
import struct
import zlib

from playwright.sync_api import Page

COLOURS = 256
# the browser decodes the picture and names each pixel's nearest frequent colour; a page of text loses nothing visible
REDUCE = """async ([picture, most]) => {
    const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height).data, counts = new Map();
    const colours = new Int32Array(pixels.length / 4);
    for (let i = 0; i < colours.length; i++) {
        const c = colours[i] = pixels[4 * i] << 16 | pixels[4 * i + 1] << 8 | pixels[4 * i + 2];
        counts.set(c, (counts.get(c) || 0) + 1);
    }
    const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, most).map(pair => pair[0]);
    const place = new Map(palette.map((c, i) => [c, i]));
    for (const c of counts.keys()) {
        if (place.has(c)) continue;
        let best = 0, least = Infinity;
        palette.forEach((p, i) => {
            const r = (p >> 16) - (c >> 16), g = (p >> 8 & 255) - (c >> 8 & 255), b = (p & 255) - (c & 255);
            const d = r * r + g * g + b * b;
            if (d < least) { least = d; best = i; }
        });
        place.set(c, best);
    }
    let text = "";
    for (const c of colours) text += String.fromCharCode(place.get(c));
    return {width: bitmap.width, height: bitmap.height, palette, indexes: btoa(text)};
}"""


def reduced(picture: bytes, helper: Page) -> bytes:
    """The same picture with few colours; `helper` is any blank page of a browser."""
    found = helper.evaluate(REDUCE, [base64.b64encode(picture).decode(), COLOURS])
    width, height = found["width"], found["height"]
    indexes = base64.b64decode(found["indexes"])
    rows = b"".join(b"\0" + indexes[row * width : (row + 1) * width] for row in range(height))
    palette = b"".join(colour.to_bytes(3, "big") for colour in found["palette"])
    chunks = (
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", palette),
        _chunk(b"IDAT", zlib.compress(rows, 9)),
        _chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
