using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Infilling;

/// <summary>What the fills of gaps with patterns consist of.</summary>
public sealed partial class PatternTests
{
    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;

    private static readonly LLaDAConfig s_config = TinyModel.Config with
    {
        VocabularySize = s_tokenizer.NumTokens,
        EmbeddingSize = s_tokenizer.NumTokens,
        MaskTokenId = s_tokenizer.MaskId!.Value,
        EosTokenId = s_tokenizer.EndOfTextId,
        PadTokenId = s_tokenizer.EndOfTextId,
        EotTokenId = s_tokenizer.EndOfTurnId,
    };

    [Fact]
    public void Whatever_tokens_are_permitted_at_their_places_form_a_text_of_the_pattern()
    {
        using var tokens = new PatternTokens(s_tokenizer, s_config);
        (from pattern in Gen.Enum<GapPattern>()
         from length in Gen.Int[1, 6]
         from ownsSpace in Gen.Bool
         from draws in Gen.Int[0, int.MaxValue - 1].Array[length]
         select (pattern, ownsSpace, draws)).Sample(given =>
        {
            var forbidden = tokens.Forbidden(given.pattern, given.draws.Length, given.ownsSpace);
            int[] fill = [.. forbidden.Zip(given.draws, (set, draw) =>
            {
                int[] permitted = [.. Enumerable.Range(0, s_tokenizer.NumTokens).Where(token => !set.Contains(token))];
                return permitted[draw % permitted.Length];
            })];

            AssertMatches(given.pattern, given.ownsSpace, s_tokenizer.Decode(fill));
        }, iter: 2000, threads: 1);
    }

    [Fact]
    public void Fills_keep_their_patterns_under_every_process() => Runs.Sample(run =>
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var model = TinyModel.Random(run.Config);
        using var sampler = new Sampler(model, s_tokenizer.NumTokens);
        using var infiller = new Infiller(sampler, s_tokenizer);
        var options = new InfillOptions
        {
            Sampling = run.Sampling,
            Pattern = GapPattern.Sentence,
            Patterns = new Dictionary<int, GapPattern> { [0] = GapPattern.Digits, [1] = GapPattern.Word, [3] = GapPattern.Digits },
        };
        string open = run.Config.Family.IsBlockCausal ? "[MASK:2]" : "[MASK]";

        var filled = infiller.Fill($"in [MASK:4] the [MASK:3] was{open} and {open}, (x[MASK:3])", options);

        AssertMatches(GapPattern.Digits, true, filled.Spans[0].Text);
        AssertMatches(GapPattern.Word, true, filled.Spans[1].Text);
        AssertMatches(GapPattern.Sentence, false, filled.Spans[2].Text);
        AssertMatches(GapPattern.Digits, true, filled.Spans[3].Text);
        AssertMatches(GapPattern.Sentence, false, filled.Spans[4].Text);
    }, iter: 25, threads: 1);

    [Fact]
    public void Neighbours_with_patterns_change_no_bit()
    {
        using var model = TinyModel.Random(s_config);
        using var sampler = new Sampler(model, s_tokenizer.NumTokens);
        using var tokens = new PatternTokens(s_tokenizer, s_config);
        var digits = tokens.Forbidden(GapPattern.Digits, 4, ownsSpace: true).Index().ToDictionary(set => set.Index + 1, set => set.Item);
        var row = new SamplingRow([70, .. Enumerable.Repeat(s_config.MaskTokenId, 4)], new() { Temperature = 1, Seed = 3 }) { NumTop = 3 };

        var alone = sampler.Sample([row])[0];
        var together = sampler.Sample([row with { ForbiddenAt = digits }, row, row with { ForbiddenAt = digits }]);

        Assert.Equal(alone.Tokens, together[1].Tokens);
        Assert.Equal(alone.Confidence, together[1].Confidence);
        Assert.Equal(sampler.Sample([row with { ForbiddenAt = digits }])[0].Confidence, together[2].Confidence);
        Assert.Matches(Digits(), s_tokenizer.Decode(together[0].Tokens[1..]).TrimStart(' '));
        Assert.All(together[0].LogProbabilities!.Skip(2), values =>
            Assert.All(values!.Top, top => Assert.Matches(Digits(), s_tokenizer.Decode([top.Token]))));
    }

    [Theory]
    [InlineData(GapPattern.Digits, "12", true, true, true)]
    [InlineData(GapPattern.Digits, " 12", false, false, true)]
    [InlineData(GapPattern.Digits, " ", false, false, false)]
    [InlineData(GapPattern.Digits, "", false, false, false)]
    [InlineData(GapPattern.Digits, "1a", false, false, false)]
    [InlineData(GapPattern.Digits, "٣", false, false, false)]
    [InlineData(GapPattern.Digits, "  1", false, false, false)]
    [InlineData(GapPattern.Word, "word", true, true, true)]
    [InlineData(GapPattern.Word, " Größe", false, false, true)]
    [InlineData(GapPattern.Word, "\u0301a", true, false, false)]
    [InlineData(GapPattern.Word, "e\u0301", true, true, true)]
    [InlineData(GapPattern.Word, "it's", false, false, false)]
    [InlineData(GapPattern.Word, "日本", true, true, true)]
    [InlineData(GapPattern.Word, "a1", false, false, false)]
    [InlineData(GapPattern.Sentence, " a, b.", true, true, true)]
    [InlineData(GapPattern.Sentence, "a\nb", false, false, false)]
    [InlineData(GapPattern.Sentence, "\r", false, false, false)]
    [InlineData(GapPattern.Sentence, "a\u2028", false, false, false)]
    [InlineData(GapPattern.Sentence, "🙂", true, true, true)]
    public void A_token_is_permitted_by_its_text_and_place(GapPattern pattern, string text, bool inner, bool start, bool withSpace)
    {
        bool Permits(PatternPlace place) => PatternText.Permits(pattern, place, Encoding.UTF8.GetBytes(text));

        Assert.Equal(
            (inner, start, withSpace), (Permits(PatternPlace.Inner), Permits(PatternPlace.Start), Permits(PatternPlace.OnlyWithSpace)));
        Assert.Equal(withSpace || (text == " " && pattern != GapPattern.Sentence), Permits(PatternPlace.FirstWithSpace));
    }

    [Theory]
    [InlineData(new byte[] { 0xE2, 0x80 }, true)]
    [InlineData(new byte[] { 0x80, 0xA8 }, false)]
    [InlineData(new byte[] { 0xA9, 0x41 }, false)]
    [InlineData(new byte[] { 0x85 }, false)]
    [InlineData(new byte[] { 0x9F, 0x99 }, true)]
    public void Parts_of_characters_never_complete_a_line_break(byte[] text, bool isPermitted) =>
        Assert.Equal(isPermitted, PatternText.Permits(GapPattern.Sentence, PatternPlace.Inner, text));

    [Fact]
    public void A_pattern_without_tokens_is_refused_by_name()
    {
        var config = s_config with { VocabularySize = 10 };
        using var tokens = new PatternTokens(s_tokenizer, config);

        var refusal = Assert.Throws<InfillException>(() => tokens.Forbidden(GapPattern.Word, 2, ownsSpace: false));

        Assert.Equal(("invalid_value", "pattern"), (refusal.Code, refusal.Parameter));
    }

    /// <summary>Every process that may change its mind, and the others.</summary>
    private static Gen<(LLaDAConfig Config, SamplingOptions Sampling)> Runs { get; } =
        from kind in Gen.Int[0, 4]
        from temperature in Gen.OneOf(0, 1.5)
        from steps in Gen.OneOf<int?>(null, 1, 3)
        from seed in Gen.ULong
        let options = new SamplingOptions { Temperature = temperature, Steps = steps, Seed = seed }
        select kind switch
        {
            0 => (s_config, options with { CfgScale = 1, FrequencyPenalty = -2 }),
            1 => (s_config, options with { Remasking = Remasking.Revision, RevisionStrength = 0.8 }),
            2 => (s_config, options with { Cache = CachePolicy.Dual, BlockLength = 3, Threshold = 0.005 }),
            3 => (s_config with { Family = ModelFamilies.Dream }, options with { Remasking = Remasking.Entropy }),
            _ => (s_config with { Family = ModelFamilies.LLaDA2, BlockLength = 4 }, options with { EditingThreshold = 0.001 }),
        };

    /// <param name="fill">With the space of its gap, if it has one.</param>
    private static void AssertMatches(GapPattern pattern, bool ownsSpace, string fill)
    {
        string text = ownsSpace && pattern != GapPattern.Sentence ? fill.TrimStart(' ') : fill;
        Assert.InRange(fill.Length - text.Length, 0, 1);
        switch (pattern)
        {
            case GapPattern.Digits:
                Assert.Matches(Digits(), text);
                break;
            case GapPattern.Word:
                Assert.Matches(Word(), text);
                break;
            default:
                Assert.Equal(-1, text.IndexOfAny(['\n', '\v', '\f', '\r', '\u0085', '\u2028', '\u2029']));
                break;
        }
    }

    [GeneratedRegex(@"\A[0-9]+\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Digits();

    [GeneratedRegex(@"\A\p{L}[\p{L}\p{M}]*\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Word();
}
