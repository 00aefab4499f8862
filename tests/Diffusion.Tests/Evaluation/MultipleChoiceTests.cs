using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Training;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Evaluation;

public sealed class MultipleChoiceTests
{
    private const int Beginning = 35, Separator = 34, MaxTokens = 4096;

    private static readonly LLaDAConfig s_causal = TinyModel.Config with { IsCausal = true };

    /// <summary>The texts of the first label are 0 1, 1 2 to 4 5; those of the second begin with 13, those of the third with 22.</summary>
    private static readonly LabelledTexts s_texts = new(
        Beginning,
        [[10], [11], [12, 12]],
        [.. new[] { 0, 13, 22 }.Select(first => Enumerable.Range(first, 5).Select(token => new[] { token, token + 1 }).ToArray())],
        [Separator]);

    [Fact]
    public void Model_that_knows_nothing_is_right_as_often_as_a_guess()
    {
        using var model = TinyModel.Predicting([.. Enumerable.Repeat(0.0, 40)]);
        using var twin = TinyModel.Predicting(s_causal, [.. Enumerable.Repeat(0.0, 40)]);
        var questions = s_texts.Questions(1, seed: 3);

        Assert.Equal(
            new Proportion(5, 15),
            MultipleChoice.Accuracy(
                questions, MultipleChoice.Diffusion(model, questions, new LikelihoodOptions { NumSamples = 2 }, MaxTokens)));
        Assert.Equal(new Proportion(5, 15), MultipleChoice.Accuracy(questions, MultipleChoice.Twin(twin, questions, MaxTokens)));
        Assert.Equal(1.0 / 3, s_texts.Chance);
    }

    [Fact]
    public void Likeliest_answer_is_chosen_wherever_it_stands()
    {
        using var model = TinyModel.Predicting(0, 5, 1);
        using var twin = TinyModel.Predicting(s_causal, 0, 5, 1);
        ChoiceQuestion[] questions =
            [new([2, 2], [[0], [1], [2]], 1), new([2], [[1], [2], [0]], 0), new([2], [[1], [2]], 1), new([2], [[2, 2], [1, 1]], 1)];

        Assert.Equal(
            new Proportion(3, 4),
            MultipleChoice.Accuracy(
                questions, MultipleChoice.Diffusion(model, questions, new LikelihoodOptions { NumSamples = 4 }, MaxTokens)));
        Assert.Equal(new Proportion(3, 4), MultipleChoice.Accuracy(questions, MultipleChoice.Twin(twin, questions, MaxTokens)));
    }

    [Fact]
    public void Calibration_takes_out_what_a_model_prefers_whatever_is_asked()
    {
        ChoiceQuestion[] questions = [.. Enumerable.Range(0, 6).Select(index => new ChoiceQuestion([0], [[1], [2], [3]], index % 3))];
        double[][] preferring = [.. questions.Select(question => Enumerable.Range(0, 3)
            .Select(answer => (answer == question.Right ? -1.0 : -2.0) + (10 * answer)).ToArray())];

        Assert.Equal(new Proportion(2, 6), MultipleChoice.Accuracy(questions, preferring));
        var calibrated = MultipleChoice.Calibrated(preferring);
        Assert.Equal(new Proportion(6, 6), MultipleChoice.Accuracy(questions, calibrated));
        Assert.All(Enumerable.Range(0, 3), answer => Assert.Equal(0, calibrated.Sum(values => values[answer]), 1e-12));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Question_is_asked_behind_as_many_shots_of_each_label_and_never_behind_itself(int shots)
    {
        var questions = s_texts.Questions(shots, seed: 7);

        Assert.Equal(15, questions.Count);
        Assert.Equal(15, questions.Select(question => string.Join(' ', question.Prompt[^2..])).Distinct().Count());
        foreach (var question in questions)
        {
            Assert.Equal(Beginning, question.Prompt[0]);
            int[][] parts = [.. Split(question.Prompt[1..^2])];
            Assert.Equal(3 * shots, parts.Length);
            Assert.Equal(parts.Length, parts.DistinctBy(part => string.Join(' ', part)).Count());
            Assert.All(parts, part => Assert.Equal(part[0] < 10 ? [10] : part[0] < 20 ? [11] : new[] { 12, 12 }, part[2..]));
            Assert.All(Enumerable.Range(10, 3), label => Assert.Equal(shots, parts.Count(part => part[2] == label)));
            Assert.DoesNotContain(parts, part => part.AsSpan(0, 2).SequenceEqual(question.Prompt.AsSpan()[^2..]));
            Assert.True(s_texts.Fits(shots, question.Prompt.Length + question.Answers.Max(answer => answer.Length) + (3 * shots) + 1));
        }
        Assert.Equal(questions.Select(question => question.Prompt), s_texts.Questions(shots, seed: 7).Select(question => question.Prompt));
        if (shots > 0)
            Assert.NotEqual(
                questions.Select(question => question.Prompt), s_texts.Questions(shots, seed: 8).Select(question => question.Prompt));
    }

    [Fact]
    public void Fewer_shots_are_among_more()
    {
        foreach (var (few, more) in s_texts.Questions(1, seed: 2).Zip(s_texts.Questions(2, seed: 2)))
            Assert.Subset(
                Split(more.Prompt[1..^2]).Select(part => part[0]).ToHashSet(),
                Split(few.Prompt[1..^2]).Select(part => part[0]).ToHashSet());
    }

    [Fact]
    public void Shots_come_in_any_order_of_labels()
    {
        var first = s_texts.Questions(1, seed: 1).Select(question => question.Prompt[3]).ToHashSet();

        Assert.Equal([10, 11, 12], first.Order());
    }

    [Fact]
    public void Uneven_texts_and_too_many_shots_are_refused()
    {
        Assert.Throws<ArgumentException>("texts", () => new LabelledTexts(Beginning, [[10], [11]], [[[1]], [[2], [3]]], [Separator]));
        Assert.Throws<ArgumentException>("texts", () => new LabelledTexts(Beginning, [[10]], [[[1]]], [Separator]));
        Assert.Throws<ArgumentOutOfRangeException>("shotsOfLabel", () => s_texts.Questions(5, seed: 1));
        Assert.Throws<ArgumentOutOfRangeException>("shotsOfLabel", () => s_texts.Questions(-1, seed: 1));
    }

    [Fact]
    public void Models_that_learnt_to_look_back_answer_with_shots_and_guess_without()
    {
        // Text, label, text, the same label: only the context tells which.
        int[][] rows = [.. new[] { 10, 11 }.SelectMany(label => new[] { (0, 0), (0, 1), (1, 0), (1, 1) }
            .Select(texts => new[] { Beginning, texts.Item1, label, texts.Item2, label }))];
        ChoiceQuestion[] few = [.. rows.Select(row => new ChoiceQuestion(row[..^1], [[10], [11]], row[^1] - 10))];
        ChoiceQuestion[] zero = [.. few.Select(question => question with { Prompt = [Beginning, question.Prompt[^1]] })];
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random(seed: 3);
        using var twin = TinyModel.Random(s_causal, seed: 3);
        var likelihood = new LikelihoodOptions { NumSamples = 1 };
        Proportion Diffusion(ChoiceQuestion[] questions) =>
            MultipleChoice.Accuracy(questions, MultipleChoice.Diffusion(model, questions, likelihood, MaxTokens));
        Proportion Twin(ChoiceQuestion[] questions) => MultipleChoice.Accuracy(questions, MultipleChoice.Twin(twin, questions, MaxTokens));

        AssertLearns(model, () => Diffusion(few));
        AssertLearns(twin, () => Twin(few));
        Assert.Equal(new Proportion(4, 8), Diffusion(zero));
        Assert.Equal(new Proportion(4, 8), Twin(zero));

        // How long a network stays on its plateau differs between processors, and has differed between runs of one build.
        void AssertLearns(MaskPredictor network, Func<Proportion> answered)
        {
            const int interval = 50, most = 3000;
            var options =
                TinyTraining.Options with { LearningRate = new LearningRateSchedule(1e-2, 1e-2, 2, 0, most), CheckpointInterval = most };
            string checkpoints = folder.File(network.Config.IsCausal ? "twin" : "model");
            var steps = new Trainer(new FullWeights(network), new TokenRows(rows, seed: 1), null, options, checkpoints).Steps();
            Assert.Contains(steps, progress => progress.Metrics.Step % interval == 0 && answered() == new Proportion(8, 8));
        }
    }

    [Fact]
    public void Evaluation_asks_with_as_many_shots_as_fit_the_context()
    {
        using var model = TinyModel.Predicting([.. Enumerable.Repeat(0.0, 40)]);
        using var none = new TokenSet([]);
        var options = new EvaluationOptions
        {
            NumSamples = 1,
            GapLengths = [],
            MaskRatios = [],
            LabelledTexts = s_texts,
            ShotsOfLabel = [0, 3, 4, 5],
        };

        var rows = new ModelEvaluation([new HeldOutDocument([0, 1], 2)], none, options).Diffusion(model)
            .Where(row => row.Measure == "label by likelihood").ToList();

        Assert.Equal(
            [
                "0 shots of each label, chance 0.333", "0 shots of each label, chance 0.333, calibrated",
                "3 shots of each label, chance 0.333", "3 shots of each label, chance 0.333, calibrated",
            ],
            rows.Select(row => row.Setting));
        Assert.All(rows, row => Assert.Equal(15, row.Trials));
    }

    private static IEnumerable<int[]> Split(int[] tokens)
    {
        while (tokens.Length > 0)
        {
            int end = Array.IndexOf(tokens, Separator);
            yield return tokens[..end];
            tokens = tokens[(end + 1)..];
        }
    }
}
