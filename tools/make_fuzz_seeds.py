#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds from which the fuzzers of elbo/io start: tests/fuzz/<parser>/.

Run from the repository's root; needs nothing but Python. The seeds are small and committed, and
the unit tests read some of them. The JPEG files were encoded once by Pillow 12 and libjpeg 6.
"""
import base64
import gzip
import io
import pathlib
import struct
import zipfile
import zlib

ROOT = pathlib.Path("tests/fuzz")


def put(parser, name, data):
    path = ROOT / parser / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def npy(descr, shape, data, order="False", version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def npz(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in entries:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def chunk(kind, data):
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(width, height, depth, colour, rows, interlace=0, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    data = b"".join(b"\0" + row for row in rows)  # filter 0: none
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def make_idx():
    images = idx(8, (2, 2, 3), bytes(range(12)))
    put("idx", "u8.idx", images)
    put("idx", "u8.idx.gz", gzip.compress(images, mtime=0))
    members = [gzip.compress(part, mtime=0) for part in (images[:9], images[9:])]
    put("idx", "members.idx.gz", b"".join(members))
    put("idx", "i16.idx", idx(0x0B, (3,), struct.pack(">3h", 1, -2, 300)))
    put("idx", "f64.idx", idx(0x0E, (1, 2), struct.pack(">2d", 0.5, -1e300)))


def make_npy():
    put("npy", "f4.npy", npy("<f4", "(2, 2)", struct.pack("<4f", 1, 2, 3, 4)))
    put("npy", "fortran.npy", npy("<i8", "(2, 3)", struct.pack("<6q", *range(6)), "True"))
    put("npy", "big.npy", npy(">u2", "(2,)", b"\0\1\0\2"))
    put("npy", "version3.npy", npy("|b1", "()", b"\1", version=3))
    put("npy", "bytes.npy", npy("|S3", "(2,)", b"catdog"))
    put("npy", "texts.npy", npy("<U2", "(2,)", "a\0é€".encode("utf-32-le")))
    put("npy", "images.npy", npy("<u2", "(2, 8, 8)", struct.pack("<128H", *range(128))))
    record = struct.pack("<df3s", 34.5, 182.25, b"cat")
    fields = "[('age', '<f8'), ('height', '<f4'), ('kind', '|S3')]"
    text = f"{{'descr': {fields}, 'fortran_order': False, 'shape': (2,), }}".encode()
    put("npy", "records.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + 2 * record)


def make_npz():
    x = npy("<f4", "(4, 2)", struct.pack("<8f", *range(8)))
    y = npy("<i8", "(4,)", struct.pack("<4q", 0, 1, 0, 1))
    both = [("x.npy", x), ("y.npy", y)]
    put("npz", "stored.npz", npz(both))
    put("npz", "deflated.npz", npz(both, zipfile.ZIP_DEFLATED))
    put("npz", "test.npz", npz(both + [("x_test.npy", x), ("y_test.npy", y)], zipfile.ZIP_DEFLATED))
    put("npz", "images.npz", npz([("data.npy", npy("|u1", "(2, 3, 2, 2)", bytes(range(24))))]))
    sparse = [("format.npy", npy("|S3", "()", b"csr")),
              ("shape.npy", npy("<i8", "(2,)", struct.pack("<2q", 2, 3))),
              ("data.npy", npy("<f4", "(2,)", struct.pack("<2f", 1.5, -2))),
              ("indices.npy", npy("<i4", "(2,)", struct.pack("<2i", 2, 0))),
              ("indptr.npy", npy("<i4", "(3,)", struct.pack("<3i", 0, 1, 2)))]
    put("npz", "csr.npz", npz(sparse))
    words = npy("<U3", "(4,)", "catdogcatdog".encode("utf-32-le"))
    put("npz", "texts.npz", npz([("x.npy", x), ("y.npy", words)]))
    put("npz", "other.npz", npz([("readme.txt", b"not an array")]))


def make_csv():
    put("csv", "plain.csv", b"a,b,label\n1,2.5,x\n-3,4e2,y\n")
    put("csv", "missing.csv", b"a;b\r\n1;?\r\n;2\r\n")
    put("csv", "quoted.csv", b"\xef\xbb\xbf\"a\",\"b\"\"c\"\n\"1\",\"2\"\n")
    put("csv", "tabs.tsv", b"1\t2\t3\n4\t5\t6\n")
    put("csv", "text.csv", b"name,age\nada,36\nemmy,\"5\n3\"\n")


def make_png():
    rgba = [bytes([255, 0, 0, 255, 255, 0, 0, 128]), bytes([9, 9, 9, 0, 0, 0, 0, 255])]
    put("png", "rgba.png", png(2, 2, 8, 6, rgba))
    put("png", "grey_alpha.png", png(2, 2, 8, 4, [b"\0\xff\7\0", b"\0\x80\x0a\xff"]))
    palette = chunk(b"PLTE", bytes([1, 2, 3, 40, 50, 60]))
    put("png", "palette.png", png(2, 2, 4, 3, [b"\x01", b"\x10"], extra=palette))
    put("png", "one_bit.png", png(2, 2, 1, 0, [b"\x40", b"\x80"]))
    grey16 = [b"\x00\x00\xff\xff", b"\x80\x00\x01\x01"]
    put("png", "grey16.png", png(2, 2, 16, 0, grey16))
    put("png", "interlaced.png", png(2, 2, 8, 0, [b"\1", b"\2", b"\3\4"], interlace=1))
    put("png", "rgb.png", png(3, 2, 8, 2, [bytes(range(9)), bytes(range(9, 18))]))
    exif = chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6" + bytes(7))
    put("png", "turned.png", png(2, 1, 8, 0, [b"\1\2"], extra=exif))
    huge = struct.pack(">I", 1795162112) + b"eXIfII*\0"  # claims more than the file has
    put("png", "huge_exif.png", png(2, 1, 8, 0, [b"\1\2"], extra=huge))
    deep = [struct.pack(">8H", 900, 0, 1, 65535, 2, 3, 4, 0)]
    put("png", "rgba16.png", png(2, 1, 16, 6, deep))
    put("png", "huge.png", png(1000000, 1000000, 8, 2, [b"\0"]))


JPEG = {
    "grey": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLD
AxNDQ0Hyc5PTgyPC4zNDL/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/
2gAIAQEAAD8ADf/Z""",
    "progressive": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLD
AxNDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy
MjIyMjIyMjIyMjL/wgARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAL/xAAUAQEAAAAAAAAAAAAAAAAAAA
AF/9oADAMBAAIQAxAAAAGQYx//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAEFAh//xAAUEQEAAAAAAAAAAAAAAAAAAAAA
/9oACAEDAQE/AX//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AX//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAA
Y/Ah//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAAE/IR//2gAMAwEAAgADAAAAEAv/xAAUEQEAAAAAAAAAAAAAAAAAAAAA
/9oACAEDAQE/EH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/EH//xAAUEAEAAAAAAAAAAAAAAAAAAAAg/9oACAEBAA
E/EB//2Q==""",
    "cmyk": """
/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMT
Q0NB8nOT04MjwuMzQy/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAA
AAAAAAAA/9oADgRDAE0AWQBLAAA/AHU1mErv/9k=""",
    # By libjpeg, 16 wide and 8 high, the right half white: the left half black, and red in inks.
    "halves": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx
NDQ0Hyc5PTgyPC4zNDL/wAALCAAIABABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI
AQEAAD8AP5/v/9k=""",
    "inks": """
/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0
NB8nOT04MjwuMzQy/8AAFAgACAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAgAB//EABQQAQAAAAAAAAAAAAAA
AAAAAAD/2gAOBEMATQBZAEsAAD8A38fx/b+j/P8AT//Z""",
    "ycck": """
/9j/7gAOQWRvYmUAZAAAAAAC/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0
NB8nOT04MjwuMzQy/9sAQwEJCQkMCwwYDQ0YMiEcITIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy
MjIyMjIy/8AAFAgACAAQBAEiAAIRAQMRAQQiAP/EABcAAQADAAAAAAAAAAAAAAAAAAAGBwj/xAAUEAEAAAAAAAAAAAAAAAAAAAAA
/8QAFQEBAQAAAAAAAAAAAAAAAAAABQb/xAAcEQABAwUAAAAAAAAAAAAAAAAABQZCQ4GCwcL/2gAOBAEAAhEDEQQAAD8AmbJgE1GN
9EMy6+PRf4D/2Q==""",
}


def make_jpeg():
    for name, text in JPEG.items():
        put("jpeg", name + ".jpg", base64.b64decode("".join(text.split())))


if __name__ == "__main__":
    for make in (make_idx, make_npy, make_npz, make_csv, make_png, make_jpeg):
        make()
