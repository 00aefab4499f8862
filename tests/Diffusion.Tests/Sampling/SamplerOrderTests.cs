using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Which tokens are committed when.</summary>
public sealed class SamplerOrderTests
{
    [Fact]
    public void Block_of_one_is_autoregressive()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(10, new() { BlockLength = 1 }, 4, 8, 15);

        var sampled = sampler.Sample([row])[0];

        long[] canvas = [.. row.Canvas.Select(token => (long)token)];
        foreach (int position in row.Masks())
            canvas[position] = Greedy(model, canvas)[position].Token;
        Assert.Equal(canvas, sampled.Tokens.Select(token => (long)token));
    }

    [Fact]
    public void Single_step_takes_every_prediction_of_the_first_forward_pass()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(10, new() { Steps = 1 }, 4, 8, 15);

        var sampled = sampler.Sample([row])[0];

        var predicted = Greedy(model, [.. row.Canvas.Select(token => (long)token)]);
        Assert.Equal(1, sampled.NumForwards);
        foreach (int position in row.Masks())
        {
            Assert.Equal(predicted[position].Token, sampled.Tokens[position]);
            Assert.Equal(predicted[position].Probability, sampled.Confidence[position], 1e-5);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(12)]
    [InlineData(4000)]
    public void Steps_as_many_as_masks_or_more_commit_one_token_each(int? steps)
    {
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);

        var sampled = sampler.Sample([recording.Watch(SamplingRows.Generation(12, new() { Steps = steps }, 7, 7, 30))])[0];

        Assert.Equal(12, sampled.NumForwards);
        Assert.All(recording.Commits(), commit => Assert.Single(commit));
    }

    [Fact]
    public void Low_confidence_is_remasked()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);
        var row = SamplingRows.Generation(12, new() { Steps = 4 }, 7, 7, 30);

        sampler.Sample([recording.Watch(row)]);
        recording.Dispose();

        int[][] commits = recording.Commits();
        Assert.Equal(4, commits.Length);
        foreach (var (step, committed) in commits.Index())
        {
            long[] canvas = [.. recording.Canvases[0][step].Select(token => (long)token)];
            var predicted = Greedy(model, canvas);
            int[] masked = [.. Enumerable.Range(0, canvas.Length).Where(position => canvas[position] == TinyModel.Mask)];
            Assert.Equal(masked.OrderByDescending(position => predicted[position].Probability).Take(3).Order(), committed);
        }
    }

    [Fact]
    public void Equal_confidence_commits_the_lower_position()
    {
        using var model = TinyModel.Predicting(0, 1, 3);
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);

        sampler.Sample([recording.Watch(SamplingRows.Generation(8, new() { Steps = 4 }, 0))]);

        Assert.Equal([[1, 2], [3, 4], [5, 6], [7, 8]], recording.Commits());
    }

    [Fact]
    public void Random_remasking_commits_every_position_first_equally_often()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Predicting(0, 1, 3);
        using var sampler = new Sampler(model);
        const int rows = 400, masks = 5;
        using var recording = new Recording(model);

        sampler.Sample([.. Enumerable.Range(0, rows).Select(seed =>
            recording.Watch(SamplingRows.Generation(masks, new() { Remasking = Remasking.Random, Seed = (ulong)seed })))]);

        int[] counts = new int[masks];
        for (int row = 0; row < rows; row++)
            counts[recording.Commits(row)[0].Single()]++;
        // 99.9 % quantile of chi square with 4 degrees of freedom.
        Assert.InRange(counts.Sum(count => Math.Pow(count - (rows / masks), 2) / (rows / masks)), 0, 18.5);
    }

    [Fact]
    public void Drawn_tokens_follow_the_softmax_at_the_rows_temperature()
    {
        using var scope = NewDisposeScope();
        double[] logits = [0, Math.Log(3), -1, 2];
        using var model = TinyModel.Predicting(logits);
        using var sampler = new Sampler(model);
        const int rows = 60, masks = 50;
        const double temperature = 1.7;

        var sampled = sampler.Sample([.. Enumerable.Range(0, rows).Select(seed =>
            SamplingRows.Generation(
                masks, new() { Steps = 2, Temperature = temperature, Remasking = Remasking.Random, Seed = (ulong)seed }))]);

        double[] weights = [.. logits.Select(logit => Math.Exp(logit / temperature))];
        double[] expected = [.. weights.Select(weight => rows * masks * weight / weights.Sum())];
        int[] counts =
            [.. Enumerable.Range(0, logits.Length).Select(token => sampled.Sum(row => row.Tokens.Count(drawn => drawn == token)))];
        Assert.Equal(rows * masks, counts.Sum());
        // 99.9 % quantile of chi square with 3 degrees of freedom.
        Assert.InRange(counts.Zip(expected, (count, mean) => Math.Pow(count - mean, 2) / mean).Sum(), 0, 16.3);
    }

    /// <summary>The most probable permitted token of every position, and its probability.</summary>
    private static (long Token, double Probability)[] Greedy(MaskPredictor model, long[] canvas)
    {
        using var noGradient = no_grad();
        var logits = model.call(TinyModel.Canvas(canvas))[0];
        var probabilities = softmax(logits, -1);
        var permitted = probabilities.narrow(1, 0, TinyModel.Config.VocabularySize).clone();
        permitted.select(1, TinyModel.Mask).fill_(-1);
        return [.. permitted.argmax(-1).data<long>().Index()
            .Select(entry => (entry.Item, (double)probabilities[entry.Index, entry.Item].item<float>()))];
    }
}
