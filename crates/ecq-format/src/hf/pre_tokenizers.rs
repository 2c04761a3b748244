//! Pre-tokenizers: rules that split a text before byte-pair merges, by their names in GGUF files
//! (`tokenizer.ggml.pre`).
//!
//! Sources of names, aliases and patterns: `src/llama-vocab.cpp` of llama.cpp (`llama_vocab::impl::load` and
//! `llm_tokenizer_bpe`) and `convert_hf_to_gguf_update.py`. Where llama.cpp rewrites a pattern for its own
//! regex engine, this table has the pattern of the original `tokenizer.json`, which llama.cpp quotes. Whether
//! a pre-tokenizer normalizes to NFC is taken from its `tokenizer.json`.

/// Rule that splits a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SplitRule {
    /// As GPT-2: words with the preceding space.
    Words,
    /// Single digits; the remaining text as [`Words`](Self::Words).
    DigitsThenWords,
    /// These patterns in sequence, then [`Words`](Self::Words).
    ThenWords(&'static [&'static str]),
    /// These patterns in sequence.
    Regexes(&'static [&'static str]),
    /// As SentencePiece: no split at spaces, and no byte-level encoding.
    SentencePiece,
}

/// A pre-tokenizer and the related settings of its tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PreTokenizer {
    names: &'static [&'static str],
    pub(super) split_rule: SplitRule,
    /// Whether a piece that is a token is not divided by merges.
    pub(super) ignore_merges: bool,
    /// Whether the beginning-of-sequence token is added if the file does not specify it.
    pub(super) adds_bos: bool,
    /// Whether text is normalized to NFC.
    pub(super) normalizes_nfc: bool,
}

impl PreTokenizer {
    const fn new(names: &'static [&'static str], split_rule: SplitRule) -> Self {
        Self { names, split_rule, ignore_merges: false, adds_bos: false, normalizes_nfc: false }
    }

    const fn ignoring_merges(self) -> Self {
        Self { ignore_merges: true, ..self }
    }

    const fn adding_bos(self) -> Self {
        Self { adds_bos: true, ..self }
    }

    const fn normalizing_nfc(self) -> Self {
        Self { normalizes_nfc: true, ..self }
    }
}

/// Returns the pre-tokenizer with this name or alias.
pub(super) fn find(name: &str) -> Option<&'static PreTokenizer> {
    TABLE.iter().find(|pre| pre.names.contains(&name))
}

/// Returns all names and aliases of pre-tokenizers (`tokenizer.ggml.pre`) that
/// [`tokenizer_json`](super::tokenizer_json) supports, sorted.
pub fn known_pre_tokenizers() -> Vec<&'static str> {
    let mut names: Vec<&str> = TABLE.iter().flat_map(|pre| pre.names).copied().collect();
    names.sort_unstable();
    names
}

const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+",
    r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// The pattern of Llama 3, but with single digits.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|",
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
);
const QWEN35: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|",
    r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const MINICPM5: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|",
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
);
const JAIS2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+",
    r"[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|",
    r"\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}",
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const GPT4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|",
    r"'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+",
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+",
    r"[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const YOUTU: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|",
    r"'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+",
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]",
    r"*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const KIMI_K2: &str = concat!(
    r"\p{Han}+|[^\r\n\p{L}\p{N}]?[[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]",
    r"*[[\p{Ll}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]",
    r"?[[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]+[[\p{Ll}\p{Lm}\p{Lo}\p{M}]&&[^\p{Han}]]",
    r"*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    r"(?!\S)|\s+",
);
const BAILING: &str = concat!(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|",
    r"\s*[\r\n]|\s+(?!\S)|\s+",
);
const SEED_CODER: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|",
    r"\s*[\r\n]+|\s+(?!\S)|\s+",
);
const UFAKZEKA: &str = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const EXAONE_MOE: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
);
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";
const CHINESE_AND_JAPANESE: &str = "[一-龥぀-ゟ゠-ヿ]+";
const CHINESE_AND_KOREAN: &str = "[一-龥ࠀ-一가-퟿]+";
const DEEPSEEK3: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##,
    r##" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
);
const SPARK: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##,
    r##" ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+"##,
);
/// Letters of scripts that have upper and lower case.
const DEEPSEEK_LLM: &str = concat!(
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-",
    r"Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1f7d}ᾀ-ᾴᾶ-ᾼ\x{1fbe}ῂ-ῄῆ-ῌῐ-\x{1fd3}ῖ-\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-",
    r"ℝℤ\x{2126}ℨ\x{212a}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-",
    r"𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
);
/// Groups of three digits from the end of a number.
const AFMOE_DIGITS: &str = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))";
const AFMOE_SCRIPTS: &str = r"[一-鿿㐀-䶿\x{f900}-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+";
const YOUTU_SCRIPTS: &str = "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+";

/// All known pre-tokenizers. The first name of each is the one that current converters write.
const TABLE: &[PreTokenizer] = &[
    PreTokenizer::new(
        &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        SplitRule::Regexes(&[LLAMA3]),
    )
    .ignoring_merges()
    .adding_bos(),
    PreTokenizer::new(&["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], SplitRule::Regexes(&[LLAMA3])),
    PreTokenizer::new(&["jais-2"], SplitRule::Regexes(&[JAIS2])),
    PreTokenizer::new(&["minicpm5"], SplitRule::Regexes(&[r"\p{N}{1,3}", MINICPM5])).ignoring_merges(),
    PreTokenizer::new(
        &[
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "jina-v1-en",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v2-code",
            "roberta-bpe",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "exaone4",
            "jais",
            "trillion",
            "granite-docling",
        ],
        SplitRule::Words,
    ),
    PreTokenizer::new(&["mpt", "olmo"], SplitRule::Words).normalizing_nfc(),
    PreTokenizer::new(
        &["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"],
        SplitRule::DigitsThenWords,
    ),
    PreTokenizer::new(&["command-r"], SplitRule::DigitsThenWords).normalizing_nfc(),
    PreTokenizer::new(&["qwen2", "deepseek-r1-qwen", "f2llmv2"], SplitRule::Regexes(&[QWEN2]))
        .normalizing_nfc(),
    PreTokenizer::new(
        &["megrez", "kormo", "stablelm2", "hunyuan", "solar-open", "grok-2"],
        SplitRule::Regexes(&[QWEN2]),
    ),
    PreTokenizer::new(&["qwen35"], SplitRule::Regexes(&[QWEN35])).normalizing_nfc(),
    PreTokenizer::new(&["ufakzeka"], SplitRule::Regexes(&[UFAKZEKA])),
    PreTokenizer::new(&["laguna"], SplitRule::Regexes(&[r"[^\n]+|\n+", QWEN2])),
    PreTokenizer::new(&["bailingmoe", "bailingmoe2", "llada-moe"], SplitRule::Regexes(&[BAILING])),
    PreTokenizer::new(&["seed-coder"], SplitRule::Regexes(&[SEED_CODER])),
    PreTokenizer::new(&["exaone-moe"], SplitRule::Regexes(&[EXAONE_MOE])),
    // Ministral files of 2025 use another name for the same pre-tokenizer.
    PreTokenizer::new(&["tekken", "mistral-bpe"], SplitRule::Regexes(&[TEKKEN]))
        .ignoring_merges()
        .adding_bos(),
    PreTokenizer::new(&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], SplitRule::Regexes(&[GPT4O])),
    PreTokenizer::new(&["granite-embed-multi-97m"], SplitRule::Regexes(&[GPT4O])).ignoring_merges(),
    PreTokenizer::new(&["tiny_aya", "cohere2moe"], SplitRule::Regexes(&[r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O])),
    PreTokenizer::new(&["kimi-k2"], SplitRule::Regexes(&[KIMI_K2])),
    PreTokenizer::new(&["superbpe"], SplitRule::Regexes(&[r"\p{N}+", r"(?=(\d{3})+(?!\d))"])),
    PreTokenizer::new(
        &["deepseek-llm"],
        SplitRule::Regexes(&[
            r"[\r\n]",
            DEEPSEEK_LLM,
            r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
            r"\s+$",
            CHINESE_AND_KOREAN,
            r"\p{N}+",
        ]),
    ),
    PreTokenizer::new(
        &["deepseek-coder"],
        SplitRule::Regexes(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CHINESE_AND_KOREAN, r"\p{N}"]),
    ),
    PreTokenizer::new(
        &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        SplitRule::Regexes(&[r"\p{N}{1,3}", CHINESE_AND_JAPANESE, DEEPSEEK3]),
    ),
    PreTokenizer::new(
        &["spark2_5"],
        SplitRule::Regexes(&[r"\p{N}{1,3}", CHINESE_AND_JAPANESE, SPARK, r"\p{N}"]),
    ),
    PreTokenizer::new(&["youtu"], SplitRule::Regexes(&[YOUTU_SCRIPTS, YOUTU])).ignoring_merges(),
    PreTokenizer::new(&["afmoe"], SplitRule::Regexes(&[AFMOE_DIGITS, AFMOE_SCRIPTS, DEEPSEEK3])),
    PreTokenizer::new(
        &["falcon"],
        SplitRule::Regexes(&[r"[\p{P}\$\+<=>\^~\|`]+", WORDS, r"[0-9][0-9][0-9]"]),
    ),
    PreTokenizer::new(&["bloom", "gpt3-finnish", "poro-chat"], SplitRule::Regexes(&[BLOOM])),
    PreTokenizer::new(&["viking"], SplitRule::Regexes(&[BLOOM, r"\p{N}"])),
    PreTokenizer::new(
        &["chameleon"],
        SplitRule::ThenWords(&[
            "<sentinel:[0-9]+>",
            "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
            r"([\t\n]|    |  )",
            r"\p{N}",
            r"[\p{P}!-/:-@\[-`{-~]",
        ]),
    )
    .adding_bos(),
    // The fallback of llama.cpp for files with an unknown pre-tokenizer.
    PreTokenizer::new(
        &["default"],
        SplitRule::Regexes(&[r"[\p{P}\$\+<=>\^~\|]+", WORDS, r"\p{N}+", r"[0-9][0-9][0-9]"]),
    ),
    PreTokenizer::new(&["gemma4", "granite-embed-multi-311m"], SplitRule::SentencePiece).adding_bos(),
    PreTokenizer::new(&["sarvam-moe"], SplitRule::SentencePiece),
];

/// The pattern of GPT-2.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names = known_pre_tokenizers();
        let count = names.len();
        names.dedup();
        assert_eq!((count, count > 80), (names.len(), true));
    }
}
