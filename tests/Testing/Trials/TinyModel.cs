using LLaDA.Batch.Worker;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using Microsoft.Extensions.Logging.Abstractions;
using TorchSharp;

namespace LLaDA.Batch.Testing;

/// <summary>
/// A folder with a model of random weights and its own tokenizer: big enough to run every request, too small to say anything.
/// </summary>
public sealed class TinyModel : IDisposable
{
    public const string Id = "tiny";
    public const int ContextLength = 64;

    private readonly TensorThread _tensors = new();
    private readonly LoadedModel _loaded;

    public TinyModel()
    {
        Folder = Directory.CreateTempSubdirectory("llada-models-").FullName;
        string model = Path.Combine(Folder, Id);
        var bpe = new BpeTrainer();
        bpe.Add("the quick brown fox jumps over the lazy dog and the lazy dog sleeps over the brown fox");
        BpeTrainer.Save(bpe.Train(320), model);
        var tokenizer = new LLaDATokenizer(model);

        using var predictor = new MaskPredictor(
            new LLaDAConfig
            {
                ModelWidth = 32,
                NumLayers = 2,
                NumHeads = 2,
                NumKeyValueHeads = 2,
                FeedForwardWidth = 64,
                VocabularySize = tokenizer.NumTokens,
                EmbeddingSize = tokenizer.NumTokens,
                MaxSequenceLength = ContextLength,
                MaskTokenId = tokenizer.MaskId!.Value,
                EosTokenId = tokenizer.EndOfTextId,
                PadTokenId = tokenizer.EndOfTextId,
                EotTokenId = tokenizer.EndOfTurnId,
            },
            torch.CPU);
        predictor.Initialize(seed: 1);
        Checkpoint.Save(predictor, model);
        _loaded = LoadedModel.Load(Id, model, adapter: null, new WorkerOptions { ModelsPath = Folder }, _tensors);
    }

    /// <summary>The folder of models.</summary>
    public string Folder { get; }

    /// <summary>A host that also loads models from storage.</summary>
    internal static ModelHost NewHost(WorkerOptions options, TensorThread tensors, StorageAccount storage, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        return new ModelHost(
            options, tensors, new ModelCache(new ModelFolders(storage), options, time, NullLogger<ModelCache>.Instance), time);
    }

    /// <summary>For tests that run nothing on its tensors.</summary>
    internal LoadedModel Loaded => _loaded;

    public void Dispose()
    {
        _loaded.Dispose();
        _tensors.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
