using CsCheck;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What a row says about its own way.</summary>
public sealed class RowTraceTests : IDisposable
{
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public RowTraceTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void A_trace_replays_every_canvas_on_the_way() => Rows.Sample(row =>
    {
        List<int[]> canvases = [[.. row.Canvas]];
        var sampled = _sampler.Sample([row with { IsTraced = true, OnStep = progress => canvases.Add([.. progress.Canvas]) }])[0];
        var trace = sampled.Trace!;

        for (int step = 0; step < canvases.Count; step++)
        {
            int[] replayed = [.. row.Canvas];
            for (int position = 0; position < replayed.Length; position++)
            {
                if (trace.Steps[position] is > 0 and var at && at <= step)
                    replayed[position] = sampled.Tokens[position];
            }
            foreach (var taken in trace.TakenBack.Where(taken => taken.Step <= step && step < taken.TakenBackAt))
                replayed[taken.Position] = taken.Token;
            Assert.Equal(canvases[step], replayed);
        }
    }, iter: 60);

    [Fact]
    public void A_trace_changes_no_result_and_is_made_for_those_who_ask() => Rows.Sample(row =>
    {
        var (traced, plain) = (_sampler.Sample([row with { IsTraced = true }])[0], _sampler.Sample([row])[0]);

        Assert.Equal(plain.Tokens, traced.Tokens);
        Assert.Equal(plain.Confidence, traced.Confidence);
        Assert.Null(plain.Trace);
        Assert.All(row.Masks(), position => Assert.True(traced.Trace!.Steps[position] > 0));
        Assert.Equal(row.Masks().Length, traced.Trace!.Steps.Count(step => step > 0));
    }, iter: 60);

    [Fact]
    public void Revision_takes_tokens_back_and_a_trace_names_them()
    {
        var row = SamplingRows.Generation(12, new() { Remasking = Remasking.Revision, RevisionStrength = 1 }, 1, 2);

        var trace = _sampler.Sample([row with { IsTraced = true }])[0].Trace!;

        Assert.NotEmpty(trace.TakenBack);
        Assert.All(trace.TakenBack, taken =>
        {
            Assert.InRange(taken.Step, 1, taken.TakenBackAt - 1);
            Assert.True(trace.Steps[taken.Position] >= taken.TakenBackAt);
            Assert.InRange(taken.Confidence, 0, 1);
        });
    }

    [Fact]
    public void Behind_an_end_no_step_committed_anything()
    {
        using var model = TinyModel.Biased((TinyModel.Eos, 3));
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample([SamplingRows.Generation(8, new() { StopsAtEos = true }, 1) with { IsTraced = true }])[0];

        int end = Array.IndexOf(sampled.Tokens, TinyModel.Eos);
        Assert.InRange(end, 1, 7);
        Assert.All(sampled.Trace!.Steps.Skip(end + 1), step => Assert.Equal(0, step));
    }

    [Fact]
    public void Settled_tokens_never_change_any_more() => Rows.Sample(row =>
    {
        row = row with { Options = row.Options with { StopsAtEos = row.Options.Seed % 2 == 0 } };
        List<(int SettledTo, int[] Canvas)> seen = [];
        var sampled = _sampler.Sample([row with { OnStep = progress => seen.Add((progress.SettledTo, [.. progress.Canvas])) }])[0];

        Assert.All(seen, step => Assert.Equal(sampled.Tokens[..step.SettledTo], step.Canvas[..step.SettledTo]));
        Assert.Equal(seen.Select(step => step.SettledTo).Order(), seen.Select(step => step.SettledTo));
        if (seen.Count > 0)
            Assert.Equal(row.Canvas.Count, seen[^1].SettledTo);
    }, iter: 60);

    [Fact]
    public void A_step_names_its_block()
    {
        List<(int Step, int Block)> seen = [];
        var row = SamplingRows.Generation(6, new() { BlockLength = 3, Steps = 4 });

        _sampler.Sample([row with { OnStep = progress => seen.Add((progress.Step, progress.Block)) }]);

        Assert.Equal([(1, 0), (2, 0), (3, 1), (4, 1)], seen);
    }

    /// <summary>Any canvas with any options, a third of them with revision.</summary>
    private static Gen<SamplingRow> Rows { get; } =
        from row in SamplingRows.Any
        from revises in Gen.Int[0, 2]
        select revises > 0 ? row : row with
        {
            Options = row.Options with { Remasking = Remasking.Revision, RevisionStrength = 0.7 },
        };
}
