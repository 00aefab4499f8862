using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.PromptTuning;

/// <summary>
/// A folder with the vectors of prompt tuning in PEFT's layout: adapter_config.json, and adapter_model.safetensors with
/// <c>prompt_embeddings</c>, [k, D].
/// </summary>
internal sealed class PromptFiles : IDisposable
{
    private const string WeightsFile = "adapter_model.safetensors", Name = "prompt_embeddings";

    private readonly string _path;
    private readonly SafetensorsFile _file;

    /// <exception cref="CheckpointException">A file is missing, damaged, or of a kind that this library does not compute.</exception>
    public PromptFiles(string folder)
    {
        Config = PromptConfig.Read(folder);
        _path = Path.Combine(folder, WeightsFile);
        _file = new SafetensorsFile(_path);
        try
        {
            RequireVectors();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public PromptConfig Config { get; }

    /// <param name="vectors">[k, D].</param>
    public static void Write(string folder, PromptConfig config, Tensor vectors)
    {
        Directory.CreateDirectory(folder);
        config.Write(folder);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), [(Name, vectors)]);
    }

    public void CopyTo(Tensor vectors) => _file.CopyTo(Name, vectors);

    /// <summary>Puts the vectors before the rows of a model, which owns them from then on.</summary>
    /// <exception cref="CheckpointException">They do not fit the model.</exception>
    public void AddTo(MaskPredictor model)
    {
        var config = model.Config;
        if (Config.Width != config.ModelWidth)
        {
            throw new CheckpointException(
                _path, $"does not fit the model: its vectors have {Config.Width} components, and the model has {config.ModelWidth}");
        }
        if (Config.NumVirtualTokens >= config.MaxSequenceLength)
        {
            throw new CheckpointException(
                _path, $"does not fit the model: {Config.NumVirtualTokens} vectors leave no room in {config.MaxSequenceLength} positions");
        }
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        model.Prompt = new PromptVectors(_file.Read(Name).to(model.Device), config.EmbeddingSize);
    }

    public void Dispose() => _file.Dispose();

    private void RequireVectors()
    {
        if (_file.Tensors.Keys.FirstOrDefault(name => name != Name) is { } other)
            throw new CheckpointException(_path, $"holds {other}; prompt tuning has {Name} alone");
        if (!_file.Tensors.TryGetValue(Name, out var entry))
            throw new CheckpointException(_path, $"lacks {Name}");
        if (!entry.Shape.AsSpan().SequenceEqual([Config.NumVirtualTokens, Config.Width]) || !SafetensorsTypes.IsFloat(entry.Type))
        {
            throw new CheckpointException(
                _path, $"holds {entry}, which should be of a floating-point type and shape [{Config.NumVirtualTokens}, {Config.Width}]");
        }
    }
}
