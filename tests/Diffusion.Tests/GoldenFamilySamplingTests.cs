using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Sampling;
using TorchSharp;

namespace LLaDA.Diffusion.Tests;

/// <summary>Every generate and edit case of every family, made with its official code.</summary>
public sealed class GoldenFamilySamplingTests
{
    public static TheoryData<string> Folders => [.. GoldenFolder.Families.Select(row => row.Data).Where(HasCases)];

    public static TheoryData<string> Dream => GoldenFolder.Of("dream");

    [Theory]
    [MemberData(nameof(Folders))]
    public void Tokens_and_canvases_equal_the_official_loops_in_no_more_passes(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        using var sampler = new Sampler(model);

        Assert.All(FamilyCase.Of(golden, model.Config).Where(expected => !expected.HasTies(model.Config)), expected =>
        {
            List<int[]> canvases = [[.. expected.Row.Canvas]];
            var row = expected.Row with { OnStep = step => canvases.Add([.. step.Canvas]) };

            var sampled = sampler.Sample([row])[0];

            int[] tokens = expected.Counted(sampled.Tokens, model.Config);
            Assert.Equal(expected.Counted(expected.Output, model.Config), tokens);
            Assert.InRange(sampled.NumForwards, 1, expected.MaxForwards);
            if (tokens.Length == sampled.Tokens.Length)
                Assert.Equal(expected.Canvases, FamilyCase.Distinct(canvases));
        });
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Cases_that_share_their_passes_give_the_bits_that_each_gives_alone(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        using var sampler = new Sampler(model);
        SamplingRow[] rows = [.. FamilyCase.Of(golden, model.Config).Select(expected => expected.Row)];

        var together = sampler.Sample(rows);

        foreach (var (row, sampled) in rows.Zip(together))
        {
            var alone = sampler.Sample([row])[0];
            Assert.Equal(alone.Tokens, sampled.Tokens);
            Assert.Equal(alone.Confidence, sampled.Confidence);
            Assert.Equal(alone.NumTokenForwards, sampled.NumTokenForwards);
        }
    }

    [Theory]
    [MemberData(nameof(Dream))]
    public void Every_recorded_step_of_a_time_schedule_is_ours_up_to_ties(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();

        Assert.All(FamilyCase.Of(golden, model.Config).Where(expected => expected.Row.Options.Remasking != Remasking.Origin), expected =>
        {
            var schedule = new TimeSchedule(expected.Row.Options.Steps!.Value, expected.Row.Options.EndTime!.Value);
            for (int step = 0; step < schedule.NumSteps; step++)
            {
                int[] before = expected.EveryCanvas[step], after = expected.EveryCanvas[step + 1];
                var predictions = expected.Predict(model, before, (uint)step);
                var written = predictions.Where(prediction => after[prediction.Position] != model.Config.MaskTokenId).ToList();
                Assert.Equal(schedule.Count(step, predictions.Count), written.Count);
                Assert.All(written, prediction => Assert.Equal(after[prediction.Position], prediction.Token));
                var rest = predictions.Except(written);
                double least = written.Select(prediction => prediction.Confidence).DefaultIfEmpty(double.MaxValue).Min();
                Assert.All(rest, prediction => Assert.True(prediction.Confidence <= least + 1e-5));
            }
        });
    }

    private static bool HasCases(string folder)
    {
        using var golden = new GoldenFolder(folder);
        return golden.Json.TryGetProperty("cases", out var cases) && cases.GetArrayLength() > 0;
    }
}
