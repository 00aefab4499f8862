using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class TokenChoiceTests
{
    private const int NumDraws = 2000;

    [Theory]
    [InlineData(1)]
    [InlineData(0.5)]
    [InlineData(2.5)]
    public void Frequencies_follow_the_softmax_of_logits_over_temperature(double temperature)
    {
        double[] logits = [0, Math.Log(3), -1, 2];
        double[] weights = [.. logits.Select(logit => Math.Exp(logit / temperature))];

        int[] counts = Counts(logits, new SamplingOptions { Temperature = temperature });

        foreach (var (count, weight) in counts.Zip(weights))
            Assert.InRange(count, (NumDraws * weight / weights.Sum()) - 1, (NumDraws * weight / weights.Sum()) + 1);
    }

    [Theory]
    [InlineData(0.01, new[] { 1.0, 0, 0, 0 })]
    [InlineData(0.49, new[] { 1.0, 0, 0, 0 })]
    [InlineData(0.51, new[] { 0.625, 0.375, 0, 0 })]
    [InlineData(0.79, new[] { 0.625, 0.375, 0, 0 })]
    [InlineData(0.81, new[] { 0.526316, 0.315789, 0.157895, 0 })]
    [InlineData(0.96, new[] { 0.5, 0.3, 0.15, 0.05 })]
    public void Nucleus_is_the_smallest_set_that_holds_top_p_and_keeps_its_proportions(double topP, double[] expected)
    {
        // In an order that is not that of the probabilities.
        int[] order = [2, 0, 3, 1];
        double[] probabilities = [0.5, 0.3, 0.15, 0.05];

        int[] counts = Counts(
            [.. order.Select(token => Math.Log(probabilities[token]))], new SamplingOptions { Temperature = 1, TopP = topP });

        foreach (var (index, token) in order.Index())
            Assert.InRange(counts[index], (NumDraws * expected[token]) - 1.01, (NumDraws * expected[token]) + 1.01);
    }

    /// <summary>top_p 0.75 needs the first two of four tokens; of what top_k 3 leaves, too; of what top_k 1 leaves, one.</summary>
    [Theory]
    [InlineData(1, 1.0, false, new[] { 1.0, 0, 0, 0 })]
    [InlineData(2, 1.0, false, new[] { 0.625, 0.375, 0, 0 })]
    [InlineData(9, 1.0, false, new[] { 0.5, 0.3, 0.15, 0.05 })]
    [InlineData(3, 0.83, false, new[] { 0.625, 0.375, 0, 0 })]
    [InlineData(3, 0.83, true, new[] { 0.526316, 0.315789, 0.157895, 0 })]
    [InlineData(1, 0.83, true, new[] { 1.0, 0, 0, 0 })]
    public void Top_k_keeps_the_most_probable_tokens_before_or_after_top_p(int topK, double topP, bool isTopPFirst, double[] expected)
    {
        int[] order = [2, 0, 3, 1];
        double[] probabilities = [0.5, 0.3, 0.15, 0.05];

        int[] counts = Counts(
            [.. order.Select(token => Math.Log(probabilities[token]))],
            new SamplingOptions { Temperature = 1, TopP = topP, TopK = topK },
            isTopPFirst);

        foreach (var (index, token) in order.Index())
            Assert.InRange(counts[index], (NumDraws * expected[token]) - 1.01, (NumDraws * expected[token]) + 1.01);
    }

    [Theory]
    [InlineData(ConfidenceMeasure.DrawnProbability, 0, 0)]
    [InlineData(ConfidenceMeasure.DrawnProbability, 1, 0.625)]
    [InlineData(ConfidenceMeasure.Margin, 0, 0.2)]
    [InlineData(ConfidenceMeasure.Margin, 1, 0.25)]
    [InlineData(ConfidenceMeasure.NegativeEntropy, 0, -1.14212)]
    [InlineData(ConfidenceMeasure.NegativeEntropy, 1, -0.66156)]
    internal void Ranks_come_from_the_distribution_that_tokens_are_drawn_from(
        ConfidenceMeasure measure, double temperature, double expected)
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 0.15, 0.5, 0.05, 0.3 }).log().to(ScalarType.Float32).unsqueeze(0);
        var options = new SamplingOptions { Temperature = temperature, TopK = 2 };

        var (tokens, ranks) = TokenChoice.Choose(logits, [new TokenRequest(options, Draw: 0.5, measure)]);

        Assert.Equal(1, tokens.item<long>());
        Assert.Equal(expected, ranks.item<double>(), 1e-4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.8)]
    public void Many_rows_get_what_each_gets_alone(double topP)
    {
        using var scope = NewDisposeScope();
        var random = new CounterRandom(4);
        var logits = tensor(
            Enumerable.Range(0, 150 * 20).Select(index => (float)(4 * random.Uniform(0, (ulong)index, RandomStream.Token))).ToArray(),
            [150, 20]);
        double[] draws = [.. Enumerable.Range(0, 150).Select(row => random.Uniform(1, (ulong)row, RandomStream.Token))];
        SamplingOptions[] options = [.. Enumerable.Range(0, 150).Select(row => new SamplingOptions { Temperature = row % 3, TopP = topP })];

        var together = Choose(logits, options, draws);

        Assert.Equal(
            Enumerable.Range(0, 150).Select(row => Choose(logits.narrow(0, row, 1), [options[row]], [draws[row]]).item<long>()),
            together.data<long>().ToArray());
    }

    [Fact]
    public void Zero_temperature_takes_the_largest_logit_and_the_lowest_id_among_equals()
    {
        using var scope = NewDisposeScope();
        var logits = zeros(3, 1000);
        logits[0, 700] = 1;
        logits[1, 123] = 1;
        logits[1, 124] = 1;
        logits[1, 999] = 1;

        var tokens = Choose(logits, [new(), new(), new()], [0.9, 0.9, 0.9]);

        Assert.Equal([700L, 123L, 0L], tokens.data<long>().ToArray());
    }

    [Theory]
    [InlineData(double.Epsilon, 1)]
    [InlineData(1e-300, 1)]
    [InlineData(0.9999999999999999, 2)]
    public void Impossible_token_is_not_drawn_by_extreme_numbers(double draw, long expected)
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { float.NegativeInfinity, 0, 0, float.NegativeInfinity }).unsqueeze(0);

        foreach (double topP in new[] { 1, 0.999 })
        {
            var tokens = Choose(logits, [new() { Temperature = 0.7, TopP = topP }], [draw]);
            Assert.Equal(expected, tokens.item<long>());
        }
    }

    [Fact]
    public void Large_logits_at_a_low_temperature_do_not_overflow()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 80f, 81f, -90f }).unsqueeze(0);

        Assert.Equal(1, Choose(logits, [new() { Temperature = 1e-3 }], [0.5]).item<long>());
    }

    [Fact]
    public void Neighbours_with_other_options_do_not_change_a_choice()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        var logits = randn([6, 50], generator: random);
        SamplingOptions[] options =
            [
                new(), new() { Temperature = 1 }, new() { Temperature = 1, TopP = 0.5 },
                new() { Temperature = 2 }, new() { TopP = 0.5 }, new() { Temperature = 0.5, TopP = 0.99 },
            ];
        double[] draws = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

        long[] together = [.. Choose(logits, options, draws).data<long>()];

        for (int row = 0; row < options.Length; row++)
            Assert.Equal(together[row], Choose(logits.narrow(0, row, 1).clone(), [options[row]], [draws[row]]).item<long>());
    }

    [Fact]
    public void Log_probability_is_that_of_the_softmax()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 0f, (float)Math.Log(3), float.NegativeInfinity }).unsqueeze(0).expand(3, 3);

        var probabilities = TokenChoice.LogProbability(logits, arange(3, ScalarType.Int64)).exp();

        TensorAssert.Close(tensor(new[] { 0.25, 0.75, 0 }), probabilities, 1e-6);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(40_000)]
    public void Log_probability_of_a_row_is_the_same_bits_alone_and_among_others(int vocabulary)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(4);
        var logits = randn([24, vocabulary], generator: random);
        var tokens = zeros(24, ScalarType.Int64);

        var together = TokenChoice.LogProbability(logits, tokens);

        for (int row = 0; row < 24; row++)
            TensorAssert.Equal(
                together.narrow(0, row, 1), TokenChoice.LogProbability(logits.narrow(0, row, 1).clone(), tokens.narrow(0, row, 1)));
    }

    private static Tensor Choose(Tensor logits, SamplingOptions[] options, double[] draws) =>
        TokenChoice.Choose(logits, [.. options.Zip(draws, (option, draw) => new TokenRequest(option, draw))]).Tokens;

    /// <summary>
    /// How often each token is chosen when the draws are spread evenly: its probability times <see cref="NumDraws"/>, to one.
    /// </summary>
    private static int[] Counts(double[] logits, SamplingOptions options, bool isTopPFirst = false)
    {
        using var scope = NewDisposeScope();
        var rows = tensor(logits).to(ScalarType.Float32).unsqueeze(0).expand(NumDraws, logits.Length);
        double[] draws = [.. Enumerable.Range(0, NumDraws).Select(index => (index + 0.5) / NumDraws)];
        var requests = draws.Select(draw => new TokenRequest(options, draw, FiltersByTopPFirst: isTopPFirst));
        long[] tokens = [.. TokenChoice.Choose(rows, [.. requests]).Tokens.data<long>()];
        return [.. Enumerable.Range(0, logits.Length).Select(token => tokens.Count(chosen => chosen == token))];
    }
}
