"""Makes the texts of README.md from Debian packages and PyPI: `python3 bench/texts/make.py FOLDER`.

Needs Debian's apt-get and dpkg, pip, and the texts of `cargo run --release -p xtask -- models`. The chat text
needs a model: see README.md.
"""

import gzip
import html
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

PACKAGES = ["anarchism", "debian-policy", "git-doc", "gnome-user-docs", "installation-guide-amd64"]
# Characters of each text: some 16k tokens of SmolLM2's vocabulary.
LENGTH = 72_000


def unpack(work):
    """Downloads and unpacks all packages; returns their root folder."""
    subprocess.run(["apt-get", "download", "-qq", *PACKAGES], cwd=work, check=True)
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, work / "root"], check=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, "flask==3.1.0"]
    subprocess.run(pip, check=True)
    for wheel in work.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(work / "root")
    return work / "root"


def plain(markup):
    """The text of HTML or XML: one line a paragraph, paragraphs separated by empty lines."""
    markup = re.sub(r"(?s)<(script|style|head|pre|info|nav)\b.*?</\1>", " ", markup)
    paragraphs = re.split(r"</?(?:p|h\d|li|title|td|div|dt|dd|tr|ul|ol)\b[^>]*>", markup)
    lines = (" ".join(html.unescape(re.sub(r"<[^>]+>", " ", paragraph)).split()) for paragraph in paragraphs)
    return "\n\n".join(line for line in lines if len(line) > 40)


def manuals(root):
    """A quarter each of GNOME help, Git manual pages, the Debian policy and the Debian installer's guide."""
    doc = root / "usr/share/doc"
    kinds = [
        sorted((root / "usr/share/help/C/gnome-help").glob("*.page")),
        sorted((doc / "git-doc").glob("git-*.html")),
        sorted((doc / "debian-policy/policy.html").glob("ch-*.html")),
        sorted((doc / "installation-guide-amd64/en").glob("ch*.html")),
    ]
    parts = []
    for files in kinds:
        text = "\n\n".join(plain(file.read_text(encoding="utf-8", errors="replace")) for file in files)
        middle = len(text) // 2
        parts.append(text[middle : middle + LENGTH // len(kinds)])
    return "\n\n".join(parts)


def prose(root):
    """Section E of An Anarchist FAQ, long argumentative prose."""
    pages = sorted((root / "usr/share/doc/anarchism/html").glob("secE[1-9].html"))
    return "\n\n".join(plain(page.read_text(encoding="utf-8", errors="replace")) for page in pages)


def code(root):
    """The Python files of Flask's main folder."""
    return "\n\n".join(file.read_text(encoding="utf-8") for file in sorted((root / "flask").glob("*.py")))


def installed(name):
    """The middle of a text that `xtask models` has installed."""
    cache = pathlib.Path.home() / ".cache/ecq"
    text = gzip.open(cache / name, "rt", encoding="utf-8").read()
    middle = len(text) // 2
    return text[middle : middle + LENGTH]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        root = unpack(pathlib.Path(work))
        texts = {
            "t1": installed("debian-reference.en.txt.gz"),
            "t2": installed("developers-reference.txt.gz"),
            "p": manuals(root),
            "prose": prose(root)[:LENGTH],
            "code": code(root)[:LENGTH],
        }
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} characters")


if __name__ == "__main__":
    main()
