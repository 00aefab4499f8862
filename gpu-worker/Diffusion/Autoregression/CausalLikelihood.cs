using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Autoregression;

/// <summary>The exact log-likelihood of an autoregressive twin: log p(answer | prompt) = sum of log p(token | all tokens before it).</summary>
/// <remarks>Used on the thread of the model.</remarks>
/// <param name="model">Causal.</param>
/// <param name="maxTokens">Tokens of a forward pass, padding included; a longer row passes alone.</param>
public sealed class CausalLikelihood(MaskPredictor model, int maxTokens)
{
    private readonly MaskPredictor _model = model.Config.IsCausal ? model : throw new ArgumentException("The likelihood of a diffusion model is estimated: see LikelihoodEstimator", nameof(model));

    /// <param name="rows">Prompt and answer of each; a prompt has at least one token.</param>
    /// <returns>By row, in nats.</returns>
    /// <exception cref="ArgumentException">A row is longer than the model's context, or begins without a prompt.</exception>
    public double[] LogLikelihoods(IReadOnlyList<(IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer)> rows) => [.. Passes(rows).SelectMany(pass => LogLikelihoods(pass))];

    /// <summary>As many rows in a pass as fit, in their order.</summary>
    private IEnumerable<List<(IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer)>> Passes(IReadOnlyList<(IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer)> rows)
    {
        List<(IReadOnlyList<int>, IReadOnlyList<int>)> pass = [];
        int longest = 0;
        foreach (var row in rows)
        {
            int length = row.Prompt.Count + row.Answer.Count;
            if (row.Prompt.Count == 0 || length > _model.Config.MaxSequenceLength)
                throw new ArgumentException($"A row of {row.Prompt.Count} + {row.Answer.Count} tokens must have a prompt and fit the model's {_model.Config.MaxSequenceLength}", nameof(rows));
            longest = Math.Max(longest, length);
            if (pass.Count > 0 && longest * (pass.Count + 1) > maxTokens)
            {
                yield return pass;
                (pass, longest) = ([], length);
            }
            pass.Add(row);
        }
        if (pass.Count > 0)
            yield return pass;
    }

    private double[] LogLikelihoods(List<(IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer)> rows)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int length = rows.Max(row => row.Prompt.Count + row.Answer.Count);
        long[] tokens = [.. rows.SelectMany(row => row.Prompt.Concat(row.Answer).Concat(Enumerable.Repeat(_model.Config.PadTokenId, length - row.Prompt.Count - row.Answer.Count)).Select(token => (long)token))];
        (int Row, long Place, long Token)[] predicted = [.. rows.Index().SelectMany(row => row.Item.Answer.Index().Select(token =>
            (row.Index, ((long)row.Index * length) + row.Item.Prompt.Count + token.Index - 1, (long)token.Item)))];
        double[] sums = new double[rows.Count];
        if (predicted.Length == 0)
            return sums;

        var hidden = _model.Hidden(tensor(tokens, [rows.Count, length], device: _model.Device)).flatten(0, 1)
            .index_select(0, tensor([.. predicted.Select(entry => entry.Place)], device: _model.Device));                // [N, D]
        var truth = tensor([.. predicted.Select(entry => entry.Token)], device: _model.Device);
        float[] crossEntropies = [.. nn.functional.cross_entropy(_model.Logits(hidden), truth, reduction: nn.Reduction.None).cpu().data<float>()];
        foreach (var (index, entry) in predicted.Index())
            sums[entry.Row] -= crossEntropies[index];
        return sums;
    }
}
