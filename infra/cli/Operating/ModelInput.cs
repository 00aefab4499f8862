using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>The files of a model that is to be added.</summary>
/// <param name="subject">What messages call the place that they come from.</param>
/// <param name="folder">Where a check finds them, all but the values of tensors.</param>
internal class ModelInput(string subject, string folder, IReadOnlyList<ModelUpload> files) : IDisposable
{
    public string Subject { get; } = subject;

    public IReadOnlyList<ModelUpload> Files { get; } = files;

    /// <exception cref="OperatorException">There is no such folder.</exception>
    /// <exception cref="CheckpointException">It has a manifest that its files are not those of.</exception>
    public static ModelInput Local(string folder)
    {
        if (!Directory.Exists(folder))
            throw new OperatorException($"There is no folder {folder}", ExitCodes.NotFound);
        if (Manifest.IsIn(folder))
            Manifest.Verify(folder);
        return new ModelInput(folder, folder, ModelFolders.FilesOf(folder));
    }

    /// <summary>Checks everything that a worker checks when it loads the model, without taking memory for its weights.</summary>
    /// <exception cref="OperatorException">The first thing that is wrong.</exception>
    public LLaDAConfig Check()
    {
        try
        {
            if (File.Exists(Path.Combine(folder, AdapterConfig.FileName)))
                throw new OperatorException($"{Subject} holds an adapter: those come from fine-tuning jobs, and whole models can be added");
            var config = Checkpoint.Check(folder);
            if (config.IsCausal)
                throw new OperatorException($"{Subject} holds an autoregressive twin, which cannot fill gaps");
            var tokenizer = new LLaDATokenizer(folder);
            if (tokenizer.NumTokens > config.EmbeddingSize)
                throw new OperatorException($"{Subject} has a tokenizer of {tokenizer.NumTokens} tokens and a model of {config.EmbeddingSize}");
            if (tokenizer.MaskId is { } mask && mask != config.MaskTokenId)
                throw new OperatorException($"{Subject} has the mask token {mask} in its tokenizer and {config.MaskTokenId} in its config.json");
            return config;
        }
        catch (CheckpointException fault)
        {
            throw new OperatorException(fault.Message.Replace(folder, Subject, StringComparison.Ordinal));
        }
    }

    public virtual void Dispose()
    {
        // A local folder stays.
    }
}
