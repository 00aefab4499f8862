using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training.Bounds;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.PromptTuning;

/// <summary>The reference of a policy that is vectors of prompt tuning: the same network with a frozen copy of them.</summary>
internal sealed class PromptReference : IReferenceModel
{
    private readonly MaskPredictor _model;
    private readonly PromptVectors _frozen;

    /// <param name="model">With the vectors as they are when the training begins, before a checkpoint of it is loaded.</param>
    public PromptReference(MaskPredictor model) =>
        (_model, _frozen) = (model, new PromptVectors(model.Prompt!.Vectors, model.Config.EmbeddingSize));

    public T Run<T>(Func<MaskPredictor, T> compute)
    {
        var trained = _model.Prompt;
        try
        {
            _model.Prompt = _frozen;
            using var noGradient = no_grad();
            return compute(_model);
        }
        finally
        {
            _model.Prompt = trained;
        }
    }

    public void Dispose() => _frozen.Dispose();
}
