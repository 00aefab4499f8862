using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Text;

namespace LLaDA.Diffusion.Tests.Infilling;

/// <summary>Documents through a real network, which knows nothing and so predicts anything.</summary>
public sealed class InfillSamplingTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Gaps_are_filled_with_text_and_nothing_else_changes(double temperature)
    {
        var tokenizer = TinyTokenizer.Instance;
        using var model = TinyModel.Random(TinyModel.Config with
        {
            VocabularySize = tokenizer.NumTokens,
            EmbeddingSize = tokenizer.NumTokens,
            MaxSequenceLength = 48,
            MaskTokenId = tokenizer.MaskId!.Value,
            EosTokenId = tokenizer.EndOfTextId,
            PadTokenId = tokenizer.EndOfTextId,
            EotTokenId = tokenizer.EndOfTurnId,
        });
        using var sampler = new Sampler(model, tokenizer.NumTokens);
        using var nonText = new TokenSet(tokenizer.NonTextIds);
        string[] between = ["Größe ", " \\[MASK] 🙂 ", $"\n\n{TinyTokenizer.Corpus}", "."];
        var options = new SamplingOptions { Temperature = temperature, Seed = 8, Forbidden = nonText };
        var document = new InfillDocument(GapText.Parse($"{between[0]}[MASK:3]{between[1]}[MASK]{between[2]}[MASK:9]{between[3]}"), tokenizer, tokenizer.MaskId.Value, 48, [2], options);

        int windows = 0;
        while (!document.IsDone)
        {
            document.Accept(sampler.Sample([document.Next()])[0]);
            windows++;
        }

        var (text, spans) = document.ToFilled();
        Assert.Equal(2, windows);
        Assert.Equal([3, 2, 9], spans.Select(span => span.Tokens.Count));
        Assert.Equal(between[0].TrimEnd() + spans[0].Text + between[1].TrimEnd() + spans[1].Text + between[2] + spans[2].Text + between[3], text);
        Assert.Empty(spans.SelectMany(span => span.Tokens).Intersect(tokenizer.NonTextIds));
        Assert.All(spans, span => Assert.True(span.Confidence is > 0 and < 1));
        Assert.DoesNotContain('\uFFFD', text);
    }
}
