using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.PromptTuning;

/// <summary>
/// Prompt tuning: the network's own weights are frozen, in float32 or bfloat16, and vectors before the tokens of every row are trained in
/// float32.
/// </summary>
/// <remarks>Disposing it takes the vectors off the network.</remarks>
public sealed class PromptTuningWeights : IAdapter
{
    private readonly PromptVectors _vectors;
    private readonly PromptConfig _config;

    /// <param name="model">Sees the vectors before every row from now on, and takes rows that are shorter by as many tokens.</param>
    /// <exception cref="ArgumentException">Options out of range.</exception>
    /// <exception cref="InvalidOperationException">The model has vectors already, or weights in 8 bits.</exception>
    public PromptTuningWeights(MaskPredictor model, PromptTuningOptions options)
    {
        if (options.Validate(model.Config).ToList() is { Count: > 0 } errors)
            throw new ArgumentException(string.Join("; ", errors), nameof(options));
        WeightTypes.RequireTrainable(model.WeightType);
        if (model.Prompt is not null)
            throw new InvalidOperationException("The model has prompt vectors already: take them off first");

        Model = model;
        _config = new PromptConfig(options.NumVirtualTokens, model.Config.ModelWidth, options.BaseModel, options.InitialText);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var tokens = tensor(options.InitialTokensOf(model.Config), device: model.Device);
        _vectors = new PromptVectors(model.Embed(tokens), model.Config.EmbeddingSize);
        model.Prompt = _vectors;
        foreach (var parameter in model.parameters())
            parameter.requires_grad = false;
        Parameters = [("prompt_embeddings", _vectors.Vectors)];
    }

    public MaskPredictor Model { get; }

    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    public IReferenceModel NewReference() => new PromptReference(Model);

    /// <summary>Writes the vectors alone, in PEFT's layout.</summary>
    public void Save(string folder) => PromptFiles.Write(folder, _config, _vectors.Vectors);

    /// <summary>Reads vectors of the same number and width.</summary>
    public void Load(string folder)
    {
        using var files = new PromptFiles(folder);
        if (files.Config.NumVirtualTokens != _config.NumVirtualTokens || files.Config.Width != _config.Width)
        {
            throw new CheckpointException(
                folder, $"holds {files.Config.NumVirtualTokens} prompt vectors of {files.Config.Width} components; "
                + $"this adapter has {_config.NumVirtualTokens} of {_config.Width}");
        }
        if (files.Config.BaseModel != _config.BaseModel)
        {
            string other = files.Config.BaseModel ?? "another model";
            throw new CheckpointException(folder, $"holds an adapter of {other}; this one belongs to {_config.BaseModel ?? "another"}");
        }
        files.CopyTo(_vectors.Vectors);
    }

    public void Dispose()
    {
        if (Model.Prompt != _vectors)
            return;
        Model.Prompt = null;
        _vectors.Dispose();
        foreach (var parameter in Model.parameters())
            parameter.requires_grad = true;
    }
}
