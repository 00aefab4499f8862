using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>Turns responses into noised rows, and these into passes.</summary>
/// <param name="objective">Says whether rows pass noised and clean.</param>
/// <param name="maxRows">Rows of a pass, at least 1.</param>
internal sealed class BoundPasses(LLaDAConfig config, DiffusionObjective objective, BoundSamples samples, int maxRows)
{
    /// <summary>The passes of a batch, the same each time.</summary>
    /// <param name="batch">Prompts with their responses; no token attends to padding.</param>
    public IEnumerable<BoundRows> Of(TrainingBatch batch, CounterRandom random, int step)
    {
        var noise = new BoundNoise(random, samples);
        return Enumerable.Range(0, batch.BatchSize).SelectMany(response => Samples(batch, response, noise, step))
            .Chunk(maxRows).Select(rows => Pass(batch, rows));
    }

    /// <summary>The samples of a response. A causal network predicts all tokens in one, and exactly.</summary>
    private IEnumerable<Sample> Samples(TrainingBatch batch, int response, BoundNoise noise, int step)
    {
        int length = batch.Ends[response] - batch.PromptLengths[response];
        int[][] masks = config.IsCausal ? [[.. Enumerable.Range(0, length)]] : noise.Masks((uint)step, response, length);
        return masks.Select(masked => new Sample(response, masked, (double)length / (masked.Length * masks.Length)));
    }

    private BoundRows Pass(TrainingBatch batch, Sample[] chosen)
    {
        int[] responses = [.. chosen.Select(sample => sample.Response)];
        int length = responses.Max(response => batch.Ends[response]);
        int[][] clean = [.. responses.Select(response => batch.Rows[response][..length])];
        long[] tokens = [.. clean.SelectMany(row => row).Select(token => (long)token)];
        List<MaskedToken> masked = [];
        List<float> weights = [];
        foreach (var (row, (response, places, weight)) in chosen.Index())
        {
            int prompt = batch.PromptLengths[response];
            double probability = (double)places.Length / (batch.Ends[response] - prompt);
            foreach (int position in places.Select(place => prompt + place))
            {
                int place = (row * length) + position;
                masked.Add(new MaskedToken(row, position, config.IsCausal ? place - 1 : place, clean[row][position], probability));
                weights.Add((float)weight);
                if (!config.IsCausal)
                    tokens[place] = config.MaskTokenId;
            }
        }
        var noised = new NoisedBatch(tokens, chosen.Length, length, masked)
        {
            Ends = [.. responses.Select(response => batch.Ends[response])],
            Weights = [.. weights],
        };
        return new BoundRows(objective.IsBlockDiffusion ? noised.WithClean(clean) : noised, responses);
    }

    /// <param name="Masked">Places in the response, ascending.</param>
    /// <param name="Weight">Of the cross entropy of each.</param>
    private sealed record Sample(int Response, int[] Masked, double Weight);
}
