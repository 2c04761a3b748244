"""Fetches the packages named in sources.py, takes their prose out, and parts it into training and held-out text.

    python training/prepare.py OUT [--cache DIR]

Writes OUT/NAME.train.txt and OUT/NAME.eval.txt (a paragraph a line, an empty line between documents), and
OUT/provenance.md, the table in training/README.md. Needs `apt-get`, `npm`, `pip`, `dpkg-deb` and the Debian program
`bible-kjv`; Python packages as in requirements.txt.
"""

import argparse
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import extract
from sources import SOURCES

MENU = 4  # a line that so many pages had before is a menu
HELD_OUT = 0.03  # of each source, from its end
HELD_OUT_BYTES = 60_000  # at least, so that each text can be measured on its own ...
HELD_OUT_MOST = 0.2  # ... but never more than this part of it


def fetch(source, cache):
    """Downloads and unpacks a package once; gives its folder."""
    folder = cache / f"{source.package.replace('/', '_')}-{source.version.replace(':', '_')}"
    if folder.exists():
        return folder
    download = cache / "download"
    download.mkdir(parents=True, exist_ok=True)
    before = set(download.iterdir())
    command = {
        "debian": [
            "apt-get",
            "-o",
            "APT::Sandbox::User=root",
            "download",
            f"{source.package}={source.version}",
        ],
        "npm": ["npm", "pack", "--silent", f"{source.package}@{source.version}"],
        "pypi": [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            f"{source.package}=={source.version}",
        ],
    }[source.registry]
    subprocess.run(command, cwd=download, check=True, stdout=subprocess.DEVNULL)
    (archive,) = set(download.iterdir()) - before
    unpacked = folder.with_suffix(".partial")
    if source.registry == "debian":
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    unpacked.rename(folder)
    return folder


def documents(source, folder):
    """All documents of a source in reading order, without repeated paragraphs (pages repeat what chapters say)."""
    seen = set()
    often = Counter()
    for pattern in source.paths:
        paths = sorted(folder.glob(pattern)) or [folder / pattern]
        for path in paths:
            if any(word in str(path.relative_to(folder)) for word in source.skip):
                continue
            for document in source.read(path):
                kept = [
                    line for line in document if often[line] < MENU and (len(line) < 40 or line not in seen)
                ]
                seen.update(kept)
                often.update(line for line in set(kept) if source.read is extract.html)
                if sum(map(len, kept)) > 200:
                    yield kept


def split(texts):
    """Training documents and held-out ones: the end of the source, cut at a paragraph where one document is long."""
    total = sum(len(line) + 1 for text in texts for line in text)
    share = max(HELD_OUT * total, min(HELD_OUT_BYTES, HELD_OUT_MOST * total))
    train, held, size = list(texts), [], 0
    while size < share:
        text = train.pop()
        cut = len(text)
        while cut and size < share:
            cut -= 1
            size += len(text[cut]) + 1
        held.insert(0, text[cut:])
        if cut:
            train.append(text[:cut])
    return train, held


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--cache", type=Path, default=Path("target/texts"))
    options = arguments.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cache = options.cache.resolve()
    rows = [
        "| text | package | version | licence of the text | bytes trained on | bytes held out |",
        "|---|---|---|---|---:|---:|",
    ]
    totals = [0, 0]
    for source in SOURCES:
        train, held = split(list(documents(source, fetch(source, cache))))
        sizes = []
        for part, texts in (("train", train), ("eval", held)):
            text = "\n\n".join("\n".join(lines) for lines in texts) + "\n"
            (options.out / f"{source.name}.{part}.txt").write_text(text)
            sizes.append(len(text.encode()))
        totals = [a + b for a, b in zip(totals, sizes)]
        rows.append(
            f"| {source.work} | {source.registry} `{source.package}` | {source.version} | {source.licence} | {sizes[0]:,} | {sizes[1]:,} |"
        )
        print(rows[-1], flush=True)
    rows.append(f"| all | | | | {totals[0]:,} | {totals[1]:,} |")
    print(rows[-1])
    (options.out / "provenance.md").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
