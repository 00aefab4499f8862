using CsCheck;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What a row says about the probabilities of its tokens.</summary>
public sealed class LogProbabilityTests : IDisposable
{
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public LogProbabilityTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void They_are_those_of_a_full_pass_for_tokens_of_one_step()
    {
        using var scope = NewDisposeScope();
        using var forbidden = new TokenSet(Enumerable.Range(0, 20));
        var row = new SamplingRow([3, TinyModel.Mask, 7, TinyModel.Mask, TinyModel.Mask], new() { Steps = 1, Forbidden = forbidden })
        {
            NumTop = 5,
        };

        var sampled = _sampler.Sample([row])[0];

        using var canvas = TinyModel.Canvas([.. row.Canvas.Select(token => (long)token)]);
        var expected = nn.functional.log_softmax(_model.call(canvas)[0], -1).to(ScalarType.Float64);
        Assert.All(row.Masks(), position =>
        {
            double[] ofPosition = [.. expected[position].data<double>()];
            var values = sampled.LogProbabilities![position]!;
            int[] best = [.. Enumerable.Range(20, TinyModel.Config.VocabularySize - 20).Where(token => token != TinyModel.Mask)
                .OrderByDescending(token => ofPosition[token]).Take(5)];
            Assert.Equal(ofPosition[sampled.Tokens[position]], values.LogProbability, 1e-5);
            Assert.Equal(best, values.Top.Select(top => top.Token));
            Assert.All(values.Top, top => Assert.Equal(ofPosition[top.Token], top.LogProbability, 1e-5));
        });
        Assert.Null(sampled.LogProbabilities![0]);
    }

    [Fact]
    public void Every_token_has_those_of_its_last_commit_whatever_the_process() => Rows.Sample(entry =>
    {
        var (config, row) = entry;
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(config);
        using var sampler = new Sampler(model);
        int[][] canvases = [.. Canvases(sampler, row with { NumTop = 2 }, out var sampled)];

        foreach (var (position, values) in sampled.LogProbabilities!.Index())
        {
            if (values is null)
            {
                Assert.NotEqual(TinyModel.Mask, row.Canvas[position]);
                continue;
            }
            Assert.Equal(sampled.Confidence[position], Math.Exp(values.LogProbability));
            Assert.Equal(2, values.Top.Count);
            Assert.True(values.Top[0].LogProbability >= values.Top[1].LogProbability);
        }
        Assert.Equal(sampled.Tokens, canvases[^1]);
    }, iter: 60, threads: 1);

    [Fact]
    public void Asking_changes_nothing_and_neighbours_change_no_answer()
    {
        var asked = from row in SamplingRows.Any from top in Gen.Int[0, 20] select row with { NumTop = top };
        Gen.Select(SamplingRows.Any, asked.Array[1, 4]).Sample((plain, rows) =>
        {
            var together = _sampler.Sample([rows[0], plain, .. rows[1..]]);

            var alone = _sampler.Sample([rows[^1]])[0];
            var silent = _sampler.Sample([rows[^1] with { NumTop = null }])[0];
            Assert.Equal(silent.Tokens, alone.Tokens);
            Assert.Equal(silent.Confidence, alone.Confidence);
            Assert.Null(silent.LogProbabilities);
            Assert.Null(together[1].LogProbabilities);
            var last = rows.Length == 1 ? together[0] : together[^1];
            Assert.Equal(alone.LogProbabilities!.Select(Flat), last.LogProbabilities!.Select(Flat));
        }, iter: 20, threads: 1);

        static string? Flat(TokenLogProbabilities? values) => values is null
            ? null
            : $"{values.LogProbability:R} {string.Join(' ', values.Top.Select(top => $"{top.Token}:{top.LogProbability:R}"))}";
    }

    [Fact]
    public void Behind_an_end_there_are_none()
    {
        using var model = TinyModel.Biased((TinyModel.Eos, 3));
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample([SamplingRows.Generation(8, new() { StopsAtEos = true, BlockLength = 1 }, 1) with { NumTop = 0 }])[0];

        int end = Array.IndexOf(sampled.Tokens, TinyModel.Eos);
        Assert.InRange(end, 1, 7);
        Assert.NotNull(sampled.LogProbabilities![end]);
        Assert.All(sampled.LogProbabilities.Skip(end + 1), Assert.Null);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(21)]
    public void More_than_20_are_refused(int count) =>
        Assert.Contains("[0, 20]", Assert.Throws<ArgumentException>(
            () => _sampler.Sample([SamplingRows.Generation(2) with { NumTop = count }])).Message, StringComparison.Ordinal);

    /// <summary>Any canvas under revision, under Dream's schedule and under editing.</summary>
    private static Gen<(LLaDAConfig Config, SamplingRow Row)> Rows { get; } =
        from row in SamplingRows.Any
        from kind in Gen.Int[0, 2]
        select kind switch
        {
            0 => (TinyModel.Config, row with
            {
                Options = row.Options with { Remasking = Remasking.Revision, RevisionStrength = 0.7 },
            }),
            1 => (TinyModel.Config with { Family = ModelFamilies.Dream }, row with
            {
                Options = new SamplingOptions { Remasking = Remasking.Entropy, Temperature = 0.8, AlgTemp = 0.5, Seed = row.Options.Seed },
            }),
            _ => (TinyModel.Config with { Family = ModelFamilies.LLaDA2, BlockLength = 4 }, row with
            {
                Options = new SamplingOptions { EditingThreshold = 0.03, Temperature = 0.8, Seed = row.Options.Seed },
            }),
        };

    private static List<int[]> Canvases(Sampler sampler, SamplingRow row, out SampledRow sampled)
    {
        List<int[]> canvases = [[.. row.Canvas]];
        sampled = sampler.Sample([row with { OnStep = progress => canvases.Add([.. progress.Canvas]) }])[0];
        return canvases;
    }
}
