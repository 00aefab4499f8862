using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Autoregression;

/// <summary>
/// The exact log-likelihood of an autoregressive twin: log p(answer | prompt) = sum of log p(token | all tokens before it).
/// </summary>
/// <remarks>Used on the thread of the model.</remarks>
public sealed class CausalLikelihood
{
    private readonly MaskPredictor _model;
    private readonly int _maxTokens;

    /// <param name="model">Causal.</param>
    /// <param name="maxTokens">Tokens of a forward pass, padding included; a longer row passes alone.</param>
    public CausalLikelihood(MaskPredictor model, int maxTokens)
    {
        if (!model.Config.IsCausal)
            throw new ArgumentException("The likelihood of a diffusion model is estimated: see LikelihoodEstimator", nameof(model));
        (_model, _maxTokens) = (model, maxTokens);
    }

    /// <returns>By row, in nats.</returns>
    /// <exception cref="ArgumentException">A row is longer than the model's context, or has no prompt.</exception>
    public double[] LogLikelihoods(IReadOnlyList<AnsweredRow> rows) => [.. Passes(rows).SelectMany(LogLikelihoodsOfPass)];

    /// <summary>As many rows in a pass as fit, in their order.</summary>
    private IEnumerable<List<AnsweredRow>> Passes(IReadOnlyList<AnsweredRow> rows)
    {
        List<AnsweredRow> pass = [];
        int longest = 0;
        var (context, numVirtual) = (_model.Config.ContextLength, _model.Config.NumVirtualTokens);
        foreach (var row in rows)
        {
            if (row.Prompt.Count == 0 || row.Length > context)
            {
                throw new ArgumentException(
                    $"A row of {row.Prompt.Count} + {row.Answer.Count} tokens must have a prompt and fit the model's {context}",
                        nameof(rows));
            }
            longest = Math.Max(longest, row.Length);
            if (pass.Count > 0 && (numVirtual + longest) * (pass.Count + 1) > _maxTokens)
            {
                yield return pass;
                (pass, longest) = ([], row.Length);
            }
            pass.Add(row);
        }
        if (pass.Count > 0)
            yield return pass;
    }

    private double[] LogLikelihoodsOfPass(List<AnsweredRow> rows)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (length, numVirtual) = (rows.Max(row => row.Length), _model.Config.NumVirtualTokens);
        List<long> tokens = [], places = [], answers = [];
        List<int> rowOfAnswer = [];
        foreach (var (index, row) in rows.Index())
        {
            foreach (int token in _model.Config.VirtualTokens.Concat(row.Prompt))
                tokens.Add(token);
            foreach (int token in row.Answer)
            {
                places.Add(tokens.Count - 1);       // a token is predicted at the one before it
                answers.Add(token);
                rowOfAnswer.Add(index);
                tokens.Add(token);
            }
            for (int padded = row.Length; padded < length; padded++)
                tokens.Add(_model.Config.PadTokenId);
        }
        double[] sums = new double[rows.Count];
        if (answers.Count == 0)
            return sums;

        var all = _model.Hidden(Upload(tokens).view(rows.Count, numVirtual + length)).flatten(0, 1);
        var hidden = all.index_select(0, Upload(places));                                   // [N, D]
        var targets = Upload(answers);
        var crossEntropies = cat([.. HeadPieces.Of(answers.Count, _model.Config).Select(piece => Losses(piece.Start, piece.Count))]);
        foreach (var (index, crossEntropy) in crossEntropies.cpu().data<float>().Index())
            sums[rowOfAnswer[index]] -= crossEntropy;
        return sums;

        Tensor Losses(int start, int count)
        {
            using var temporaries = NewDisposeScope();
            var logits = _model.Logits(hidden.narrow(0, start, count));                                         // [n, V']
            return nn.functional.cross_entropy(logits, targets.narrow(0, start, count), reduction: nn.Reduction.None)
                .MoveToOuterDisposeScope();
        }

        Tensor Upload(List<long> values) => tensor([.. values], device: _model.Device);
    }
}
