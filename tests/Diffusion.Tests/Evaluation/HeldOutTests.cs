using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Training;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Evaluation;

public sealed class HeldOutTests
{
    private static readonly HeldOutDocument[] s_documents = [.. Enumerable.Range(1, 12)
        .Select(length => new HeldOutDocument([.. Enumerable.Range(0, length + 1).Select(token => token % 6)], 3 * length))];
    private static readonly LLaDAConfig s_causal = TinyModel.Config with { IsCausal = true };

    [Fact]
    public void Uniform_model_needs_the_logarithm_of_its_vocabulary_and_so_does_its_twin()
    {
        using var model = TinyModel.Predicting([.. Enumerable.Repeat(0.0, 8)]);
        using var twin = TinyModel.Predicting(s_causal, [.. Enumerable.Repeat(0.0, 8)]);
        using var none = new TokenSet([]);
        var evaluation = new ModelEvaluation(s_documents, none, new EvaluationOptions { GapLengths = [], MaskRatios = [], NumSamples = 3 });

        foreach (var rows in new[] { evaluation.Diffusion(model).ToList(), evaluation.Twin(twin).ToList() })
        {
            Assert.Equal(["bits per token", "bits per byte"], rows.Select(row => row.Measure));
            Assert.Equal(3, rows[0].Value, 1e-4);
            Assert.Equal(1, rows[1].Value, 1e-4);
            Assert.All(rows, row => Assert.Equal(0, row.High - row.Low, 1e-3));
            Assert.All(rows, row => Assert.Equal(12, row.Trials));
        }
    }

    [Fact]
    public void Documents_of_one_length_are_masked_each_in_its_own_way()
    {
        using var model = TinyModel.Random();
        using var recording = new Recording(model);
        using var none = new TokenSet([]);
        var document = new HeldOutDocument([.. Enumerable.Range(0, 20)], 20);

        _ = new ModelEvaluation([document, document], none, new EvaluationOptions { GapLengths = [], MaskRatios = [], NumSamples = 4 })
            .Diffusion(model).ToList();

        Assert.Equal(2, recording.NumForwards);
        Assert.NotEqual(recording.Passes[0], recording.Passes[1]);
    }

    [Fact]
    public void Bits_weigh_documents_by_their_length_and_their_interval_is_that_of_a_ratio()
    {
        HeldOutDocument[] documents = [new([0, 1], 2), new([0, 1, 2, 3], 4)];

        var bits = TextBits.Of(documents, [-2 * Math.Log(2), -3 * Math.Log(2)]);

        Assert.Equal(5.0 / 4, bits.PerToken, 1e-12);
        Assert.Equal(5.0 / 6, bits.PerByte, 1e-12);
        Assert.Equal(1.96 * Math.Sqrt(2 * 2 * 0.75 * 0.75) / 4, bits.HalfWidthPerToken, 1e-12);
        Assert.Equal(1.96 * Math.Sqrt(2 * 2 / 9.0) / 6, bits.HalfWidthPerByte, 1e-12);
        Assert.Throws<ArgumentException>("documents", () => TextBits.Of([], []));
    }

    [Fact]
    public void Cloze_masks_the_asked_share_and_counts_the_most_probable_token()
    {
        using var model = TinyModel.Predicting(0, 5);      // token 1, everywhere
        HeldOutDocument[] documents = [new([0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0], 10)];

        Assert.Equal(new Proportion(6, 10), Cloze.Accuracy(model, documents, 1, seed: 1));
        Assert.Equal(3, Cloze.Accuracy(model, documents, 0.3, seed: 1).Trials);
        Assert.Equal(1, Cloze.Accuracy(model, documents, 0.01, seed: 1).Trials);
        Assert.Equal(0.6, Enumerable.Range(0, 200).Average(seed => Cloze.Accuracy(model, documents, 0.3, (ulong)seed).Value), 0.1);
        Assert.Throws<ArgumentOutOfRangeException>("ratio", () => Cloze.Accuracy(model, documents, 0, seed: 1));
    }

    [Fact]
    public void Gaps_are_cut_from_every_document_that_is_long_enough_and_give_it_back()
    {
        var tasks = GapTask.Cut(s_documents, 4, seed: 2);

        Assert.Equal(8, tasks.Count);
        foreach (var (task, document) in tasks.Zip(s_documents.Skip(4)))
        {
            Assert.Equal(document.Tokens, task.Prefix.Concat(task.Gap).Concat(task.Suffix));
            Assert.True(task is { Prefix.Length: > 0, Suffix.Length: > 0, Gap.Length: 4 });
        }
        Assert.Equal(tasks.Select(task => task.Prefix.Length), GapTask.Cut(s_documents, 4, seed: 2).Select(task => task.Prefix.Length));
        Assert.NotEqual(tasks.Select(task => task.Prefix.Length), GapTask.Cut(s_documents, 4, seed: 3).Select(task => task.Prefix.Length));
    }

    [Fact]
    public void Gaps_of_a_text_that_both_models_know_are_filled_by_all_three_ways()
    {
        using var folder = new TemporaryFolder();
        var options = TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e-2, 1e-3, 2, 40, 150) };
        using var model = TinyModel.Random();
        using var twin = TinyModel.Random(s_causal);
        TinyTraining.Run(model, folder.File("model"), options);
        TinyTraining.Run(twin, folder.File("twin"), options);
        var tasks = GapTask.Cut(
            [.. Enumerable.Range(0, 20)
                .Select(start => new HeldOutDocument([.. Enumerable.Range(start, 14).Select(token => token % 6)], 14))],
            2,
            seed: 1);
        using var none = new TokenSet([]);

        Assert.InRange(GapFilling.Diffusion(model, tasks, none).Value, 0.9, 1);
        Assert.InRange(GapFilling.TwinByPrefix(twin, tasks, none).Value, 0.9, 1);
        Assert.InRange(GapFilling.TwinReranked(twin, tasks, none, seed: 1).Value, 0.9, 1);
    }

    [Fact]
    public void Reranking_finds_by_the_suffix_what_the_prefix_does_not_tell()
    {
        // After 5 0 come 1 3 and 2 4 alike: what fills the gap shows behind it.
        using var twin = TinyModel.Random(s_causal);
        GapTask[] tasks = [new([5, 0], [1], [3]), new([5, 0], [2], [4])];
        using var folder = new TemporaryFolder();
        var rows = new TokenRows([[5, 0, 1, 3], [5, 0, 2, 4]], seed: 1);
        var options = TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e-2, 1e-3, 2, 40, 150) };
        new Trainer(new FullWeights(twin), rows, null, options, folder.Path).Run();
        using var none = new TokenSet([]);

        Assert.Equal(new Proportion(1, 2), GapFilling.TwinByPrefix(twin, tasks, none));
        Assert.Equal(new Proportion(2, 2), GapFilling.TwinReranked(twin, tasks, none, seed: 1));
    }
}
