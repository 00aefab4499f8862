using LLaDA.Diffusion.Evaluation;
using TorchSharp;

namespace LLaDA.Diffusion.Tests.Evaluation;

public sealed class LikelihoodEstimatorTests
{
    private const int MaxTokens = 256;

    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Mean_over_all_patterns_of_each_size_equals_the_reference(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        var (prompt, answer) = PromptAndAnswer(golden);
        var patterns = Enumerable.Range(1, (1 << answer.Length) - 1)
            .Select(bits => Enumerable.Range(0, answer.Length).Select(token => (bits >> token & 1) == 1).ToArray()).ToList();

        double[] sums = new LikelihoodEstimator(model, MaxTokens).CrossEntropies(prompt, answer, patterns);

        double[] byCount = [.. Enumerable.Range(1, answer.Length).Select(count =>
            patterns.Zip(sums).Where(entry => entry.First.Count(isMasked => isMasked) == count)
                .Average(entry => -entry.Second * answer.Length / count))];
        using var expected = golden["likelihood.exact_by_k"];
        foreach (var (reference, actual) in expected.to(torch.ScalarType.Float64).data<double>().Zip(byCount))
            Assert.Equal(reference, actual, 2e-4 * Math.Abs(reference));
        Assert.Equal(golden.Number("likelihood.exact"), byCount.Average(), 2e-4 * Math.Abs(byCount.Average()));
    }

    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Estimate_comes_close_to_the_expectation_over_every_pattern(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        var (prompt, answer) = PromptAndAnswer(golden);

        double estimate = new LikelihoodEstimator(model, 4096).LogLikelihood(prompt, answer, new() { NumSamples = 1536, Seed = 4 });

        Assert.Equal(golden.Number("likelihood.exact"), estimate, 0.01 * Math.Abs(estimate));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 7)]
    [InlineData(12, 64)]
    public void Constant_cross_entropy_gives_the_length_times_it_for_every_draw(int length, int numSamples)
    {
        using var model = TinyModel.Predicting([.. Enumerable.Repeat(0.0, 8)]);
        var estimator = new LikelihoodEstimator(model, MaxTokens);

        double estimate = estimator.LogLikelihood(
            [1, 2], [.. Enumerable.Range(0, length).Select(token => token % 8)], new() { NumSamples = numSamples, Seed = 3 });

        Assert.Equal(-length * Math.Log(8), estimate, 1e-4 * length);
    }

    [Fact]
    public void Single_token_is_exact_with_one_sample()
    {
        using var scope = torch.NewDisposeScope();
        using var noGradient = torch.no_grad();
        using var model = TinyModel.Random();

        double estimate = new LikelihoodEstimator(model, MaxTokens).LogLikelihood([1, 2, 3], [7], new() { NumSamples = 1 });

        var logits = model.call(TinyModel.Canvas(1, 2, 3, TinyModel.Mask))[0, 3];
        Assert.Equal(torch.nn.functional.log_softmax(logits, -1)[7].item<float>(), estimate, 1e-5);
    }

    [Fact]
    public void Guidance_of_strength_zero_changes_nothing_and_more_does()
    {
        using var model = TinyModel.Random();
        var estimator = new LikelihoodEstimator(model, MaxTokens);
        double Estimate(double scale) => estimator.LogLikelihood([1, 2, 3], [7, 8, 9], new() { NumSamples = 16, CfgScale = scale });

        Assert.Equal(Estimate(0), Estimate(1e-9), 1e-5);
        Assert.NotEqual(Estimate(0), Estimate(1), 1e-3);
    }

    [Fact]
    public void Size_of_the_passes_does_not_matter()
    {
        using var model = TinyModel.Random();
        double Estimate(int maxTokens) =>
            new LikelihoodEstimator(model, maxTokens).LogLikelihood([1, 2, 3], [7, 8, 9, 10], new() { NumSamples = 20, CfgScale = 1 });

        Assert.Equal(Estimate(1), Estimate(10_000), 1e-4);
        Assert.Equal(20, new LikelihoodEstimator(model, 1).Terms([1, 2, 3], [7, 8, 9, 10], new() { NumSamples = 20 }).Count());
        Assert.Equal(2, new LikelihoodEstimator(model, 70).Terms([1, 2, 3], [7, 8, 9, 10], new() { NumSamples = 20 }).Count());
    }

    [Fact]
    public void An_estimate_that_resumes_behind_a_pass_adds_the_same_terms()
    {
        using var model = TinyModel.Random();
        var estimator = new LikelihoodEstimator(model, maxTokens: 21);
        var options = new LikelihoodOptions { NumSamples = 20, Seed = 4 };
        LikelihoodPass[] passes = [.. estimator.Passes([1, 2, 3], [7, 8, 9, 10], options)];

        Assert.Equal((7, 20), (passes.Length, passes.Sum(pass => pass.NumSamples)));
        for (int count = 0; count <= passes.Length; count++)
        {
            int numSamples = passes[..count].Sum(pass => pass.NumSamples);
            Assert.Equal(passes[count..], estimator.Passes([1, 2, 3], [7, 8, 9, 10], options, numSamples));
        }
    }

    [Fact]
    public void Spread_counts_have_less_variance_than_independent_ones()
    {
        using var model = TinyModel.Random();
        var estimator = new LikelihoodEstimator(model, 4096);
        int[] prompt = [1, 2, 3], answer = [4, 9, 16, 25, 36, 13, 28, 9];
        const int numSamples = 16, repeats = 60;

        double spread = Variance(Enumerable.Range(0, repeats)
            .Select(repeat => estimator.LogLikelihood(prompt, answer, new() { NumSamples = numSamples, Seed = (ulong)repeat })));
        var random = new Random(5);
        double independent = Variance(
            Enumerable.Range(0, repeats).Select(_ => Enumerable.Range(0, numSamples).Average(_ => Independent())));

        Assert.InRange(independent / spread, 2, double.PositiveInfinity);

        // Each token masked with probability t, weighted by 1 / t: what the spread exact counts replace.
        double Independent()
        {
            double time = 1e-3 + (random.NextDouble() * (1 - 1e-3));
            bool[] pattern = [.. answer.Select(_ => random.NextDouble() < time)];
            return pattern.Contains(true) ? -estimator.CrossEntropies(prompt, answer, [pattern])[0] / time : 0;
        }
    }

    [Fact]
    public void What_cannot_be_estimated_is_refused()
    {
        using var model = TinyModel.Random();
        var estimator = new LikelihoodEstimator(model, MaxTokens);

        Assert.Throws<ArgumentException>("answer", () => estimator.LogLikelihood([1], [], new()));
        Assert.Throws<ArgumentException>("answer", () => estimator.LogLikelihood([.. new int[60]], [.. new int[5]], new()));
        Assert.Throws<ArgumentException>("options", () => estimator.LogLikelihood([1], [2], new() { NumSamples = 0 }));
        Assert.Throws<ArgumentException>("options", () => estimator.LogLikelihood([1], [2], new() { CfgScale = -1 }));
    }

    [Fact]
    public void Estimates_leave_no_tensor_alive()
    {
        using var model = TinyModel.Random();
        var estimator = new LikelihoodEstimator(model, MaxTokens);
        estimator.LogLikelihood([1], [2], new());
        long before = LiveTensors.Count;

        estimator.LogLikelihood([1, 2], [2, 3, 4], new() { CfgScale = 1 });

        Assert.Equal(before, LiveTensors.Count);
    }

    private static (int[] Prompt, int[] Answer) PromptAndAnswer(GoldenFolder golden) =>
        (
            [.. golden.Tokens("likelihood.prompt").Select(token => (int)token)],
            [.. golden.Tokens("likelihood.answer").Select(token => (int)token)]);

    private static double Variance(IEnumerable<double> values)
    {
        double[] all = [.. values];
        double mean = all.Average();
        return all.Sum(value => (value - mean) * (value - mean)) / (all.Length - 1);
    }
}
