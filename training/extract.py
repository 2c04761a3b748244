"""Prose out of the formats that packages keep it in. Each reader yields documents: lists of paragraphs, one line each."""

import gzip
import re
import struct
import subprocess
import unicodedata
import zlib
from pathlib import Path

from lxml import etree, html as lxml_html

# One spelling for what a small vocabulary would otherwise learn twice.
SPELLING = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‚": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "–": "-",
        "—": "--",
        "―": "--",
        "‐": "-",
        "‑": "-",
        "−": "-",
        "…": "...",
        "•": "",
        "¶": "",
        "\u200b": "",
        "\ufeff": "",
        "\u00ad": "",
        "×": "x",
    }
)


def clean(text):
    """One paragraph on one line: known spellings of quotes and dashes, single spaces, no emphasis marks."""
    text = unicodedata.normalize("NFKC", text).translate(SPELLING)
    text = re.sub(r"(?<!\w)_([^_\n]{1,200}?)_(?!\w)", r"\1", text)
    text = re.sub(r"(?<!\w)\*([^*\n]{1,80}?)\*(?!\w)", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


# Captions and the menus of web pages.
FURNITURE_LINE = re.compile(
    r"(Prev|Next|Home|Up|Index|Download|Table|Figure|Example|Note|Tip|Warning|Caution)\b[^a-z]{0,3}( ?\d.*| .{0,30})?$|Prev\d|Next\d"
)


def is_prose(line):
    """True for a line of words; false for rulers, tables, code, menus, foreign scripts."""
    if len(line) < 3 or FURNITURE_LINE.match(line):
        return False
    letters = sum(c.isalpha() and c.isascii() for c in line)
    odd = sum(not c.isascii() for c in line)
    words = len(re.findall(r"\b[A-Za-z][a-z']*\b", line))
    return letters >= 0.6 * len(line) and odd <= 0.05 * len(line) and words >= 1 and "://" not in line[:12]


def paragraphs(lines):
    """Cleans, drops what is no prose, and cuts very long paragraphs at sentence ends, so that a document has line starts."""
    kept = []
    for line in map(clean, lines):
        if not is_prose(line):
            continue
        piece = ""
        for sentence in re.split(r"(?<=[.?!;:]) (?=[A-Z\"'(])", line) if len(line) > 1600 else [line]:
            if len(piece) > 700:
                kept.append(piece)
                piece = ""
            piece = f"{piece} {sentence}" if piece else sentence
        kept.append(piece)
    return kept


def text_of(path):
    raw = gzip.open(path).read() if path.suffix in (".gz", ".dz") else path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def chapters(lines, size=24_000):
    """Cuts a long run of paragraphs into documents: at headings named like one, else about every `size` characters."""
    document, length = [], 0
    for line in lines:
        heading = re.match(r"(CHAPTER|Chapter|BOOK|Book|PART|ACT)\b.{0,80}$", line)
        if document and (length > size or (heading and length > 2000)):
            yield document
            document, length = [], 0
        document.append(line)
        length += len(line)
    if document:
        yield document


def wrapped(path):
    """Plain text with hard line ends: blank lines part paragraphs."""
    text = re.sub(r"\r\n?", "\n", text_of(path))
    yield from chapters(paragraphs(re.split(r"\n\s*\n", text)))


BLOCKS = {"h1", "h2", "h3", "h4", "p", "li", "dt", "dd", "blockquote", "td", "div"}
FURNITURE = {"pre", "table", "nav", "script", "style", "head", "footer", "header", "form", "svg", "button"}
FURNITURE_CLASSES = (
    "toc",
    "nav",
    "programlisting",
    "screen",
    "synopsis",
    "highlight-",
    "literallayout",
    "indexterm",
    "sidebar-",
    "sphinxsidebar",
    "related",
    "footnotes",
    "docnav",
    "navigation",
    "nextprev",
    "refsynopsis",
    "listingblock",
    "index",
    "footer",
    "verseblock",
)


def is_furniture(element):
    """True for what a page has beside its prose. A table that lays out long paragraphs is none."""
    if element.tag in ("html", "body"):
        return False
    if element.tag == "table" and any(len(p.text_content()) > 300 for p in element.iter("p")):
        return False
    kind = f" {element.get('class', '')}".lower()
    return element.tag in FURNITURE or any(f" {word}" in kind for word in FURNITURE_CLASSES)


def html(path):
    """One HTML page: headings, paragraphs and list items; no code, tables, menus."""
    root = lxml_html.document_fromstring(
        text_of(path).encode("utf-8"), parser=lxml_html.HTMLParser(encoding="utf-8")
    )
    for element in list(root.iter()):
        if isinstance(element.tag, str) and element.getparent() is not None and is_furniture(element):
            element.drop_tree()
    lines, current = [], []

    def flush():
        lines.append("".join(current).replace("¶", ""))
        current.clear()

    def walk(element):
        block = element.tag in BLOCKS
        if block:
            flush()
        current.append(element.text or "")
        if element.tag == "br":
            current.append(" ")
        for child in element:
            if isinstance(child.tag, str):
                walk(child)
            current.append(child.tail or "")
        if block:
            flush()

    body = root.find("body")
    if body is not None:
        walk(body)
        flush()
    lines = [re.sub(r"^\s*(Chapter )?(\d+|[A-Z])(\.\d+)*\.?\s+(?=[A-Z])", "", line) for line in lines]
    yield from chapters(paragraphs(lines))


def mallard(path):
    """One page of GNOME help."""
    root = etree.parse(str(path)).getroot()
    lines = []
    for element in root.iter("{*}title", "{*}p"):
        if element.getparent().tag.endswith(("info", "credit", "license")):
            continue
        lines.append("".join(element.itertext()))
    yield paragraphs(lines)


def pod(path):
    """Perl's plain old documentation: text and headings, no indented code."""
    lines = []
    for block in re.split(r"\n\s*\n", text_of(path)):
        if block.startswith((" ", "\t")) or re.match(r"=(?!head|item)", block):
            continue
        block = re.sub(r"^=(head\d|item)\s+(\*|\d+\.?)?\s*", "", block)
        for _ in range(3):
            block = re.sub(r"[XZ]<[^<>]*>", "", block)
            block = re.sub(r"L<(?:[^<>|]*\|)?([^<>]*)>", lambda m: m.group(0)[2:-1].split("|")[0], block)
            block = re.sub(r"[BICFSE]<<? ?([^<>]*?) ?>?>", r"\1", block)
        lines.append(block)
    yield from chapters(paragraphs(lines))


def r_database(path):
    """The character vectors of an R lazy-load database: zlib blocks behind a big-endian length, XDR inside."""
    raw, at = path.read_bytes(), 0
    while at < len(raw):
        # A block's end is not stored beside it; zlib knows where its stream ends.
        stream = zlib.decompressobj()
        data = stream.decompress(raw[at + 4 :])
        at = len(raw) - len(stream.unused_data)
        lines = r_strings(data)
        if len(lines) > 1000:
            text = "\n".join(lines)
            yield from chapters(paragraphs(re.split(r"\n\s*\n", text)))


def r_strings(data):
    """Strings of one serialized character vector (R serialization version 2 or 3, XDR)."""
    at = data.index(b"X\n") + 2
    version = struct.unpack_from(">i", data, at)[0]
    at += 12
    if version == 3:
        at += 4 + struct.unpack_from(">i", data, at)[0]
    flags, count = struct.unpack_from(">ii", data, at)
    at += 8
    if flags & 0xFF != 16:
        return []
    lines = []
    for _ in range(count):
        length = struct.unpack_from(">i", data, at + 4)[0]
        at += 8
        lines.append(data[at : at + max(length, 0)].decode("utf-8", "replace"))
        at += max(length, 0)
    return lines


def brs_bible(path):
    """The King James Bible, printed by the `bible` program of the Debian package bible-kjv, a chapter a document."""
    printed = subprocess.run(
        ["bible", "-f"], input="gen1:1-rev22:21\nq\n", capture_output=True, text=True, check=True
    ).stdout
    verses = re.findall(r"^(?:bible\(KJV\) \[\w+:\d+\]> )?(\w+?):(\d+) (.+)$", printed, re.M)
    if len(verses) < 31_000:
        raise ValueError(f"{path}: {len(verses)} verses, 31102 were expected")
    chapter, lines = None, []
    for place, _, verse in verses:
        if place != chapter and lines:
            yield paragraphs([" ".join(lines)])
            lines = []
        chapter = place
        lines.append(verse)
    yield paragraphs([" ".join(lines)])


def sword(path):
    """A SWORD zText module: `.bzs` locates zlib blocks in `.bzz`, a block a book; OSIS markup inside."""
    index = Path(f"{path}.bzs").read_bytes()
    data = Path(f"{path}.bzz").read_bytes()
    for at in range(0, len(index) - 11, 12):
        offset, size, _ = struct.unpack_from("<III", index, at)
        if size == 0:
            continue
        book = zlib.decompress(data[offset : offset + size]).decode("utf-8")
        book = re.sub(r"<(note|title|rdg|figure)\b[^>]*>.*?</\1>", " ", book, flags=re.S)
        book = re.sub(r"<chapter\b[^>]*>", "\n\n\n", book)
        book = re.sub(
            r"<(lb|p|lg|div)\b[^>]*type=\"(x-p|paragraph|x-begin-paragraph)\"[^>]*>|<p>|<p\b[^>]*>",
            "\n\n",
            book,
        )
        book = re.sub(r"</?(verse|l|lb|chapter|div|item|list)\b[^>]*>", " ", book)
        book = re.sub(r"<[^>]*>", "", book).replace("\0", " ")
        for chapter in book.split("\n\n\n"):
            document = paragraphs(re.split(r"\n\n+", re.sub(r"\s+([,.;:?!])", r"\1", chapter)))
            if document:
                yield document
