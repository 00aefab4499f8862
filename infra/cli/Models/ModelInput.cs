using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Cli.Models;

/// <summary>The files of a model to add.</summary>
/// <param name="subject">Name of their place in messages.</param>
/// <param name="folder">Folder for the checks. The values of tensors may be missing there.</param>
internal class ModelInput(string subject, string folder, IReadOnlyList<ModelUpload> files) : IDisposable
{
    public string Subject { get; } = subject;

    public IReadOnlyList<ModelUpload> Files { get; } = files;

    /// <exception cref="OperatorException">The folder does not exist.</exception>
    /// <exception cref="CheckpointException">The files do not match the folder's manifest.</exception>
    public static ModelInput Local(string folder)
    {
        if (!Directory.Exists(folder))
            throw new OperatorException($"There is no folder {folder}", ExitCodes.NotFound);
        if (Manifest.IsIn(folder))
            Manifest.Verify(folder);
        return new ModelInput(folder, folder, ModelFolders.FilesOf(folder));
    }

    /// <summary>Makes the checks of a worker that loads the model, on names, shapes and sizes: without libtorch.</summary>
    /// <exception cref="OperatorException">Names the first fault.</exception>
    public LLaDAConfig Check()
    {
        try
        {
            if (File.Exists(Path.Combine(folder, AdapterConfig.FileName)))
                throw new OperatorException($"{Subject} holds an adapter: only whole models can be added");
            var config = Checkpoint.Check(folder);
            if (config.IsCausal)
                throw new OperatorException($"{Subject} holds an autoregressive twin, which cannot fill gaps");
            RequireTokenizer(config, new LLaDATokenizer(folder));
            return config;
        }
        catch (CheckpointException fault)
        {
            throw new OperatorException(fault.Message.Replace(folder, Subject, StringComparison.Ordinal));
        }
    }

    public virtual void Dispose()
    {
        // The files of a local folder stay.
    }

    private void RequireTokenizer(LLaDAConfig config, LLaDATokenizer tokenizer)
    {
        if (tokenizer.NumTokens > config.EmbeddingSize)
            throw new OperatorException($"{Subject} has a tokenizer of {tokenizer.NumTokens} tokens and a model of {config.EmbeddingSize}");
        if (tokenizer.MaskId is { } mask && mask != config.MaskTokenId)
        {
            throw new OperatorException(
                $"{Subject} has the mask token {mask} in its tokenizer and the mask token {config.MaskTokenId} in its config.json");
        }
    }
}
