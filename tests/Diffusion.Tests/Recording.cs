using LLaDA.Diffusion.Model;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests;

/// <summary>Keeps what a network was asked: the tokens of every forward pass, until it is disposed.</summary>
internal sealed class Recording : IDisposable
{
    private readonly Action _remove;

    public Recording(MaskPredictor model, Action<int>? onForward = null)
    {
        var embedding = (Embedding)model.named_children().Single(child => child.name == "wte").module;
        _remove = embedding.register_forward_pre_hook((_, tokens) =>
        {
            Batches.Add([.. tokens.data<long>().Chunk((int)tokens.shape[1])]);
            onForward?.Invoke(Batches.Count);
            return tokens;
        }).remove;
    }

    /// <summary>By forward pass and row.</summary>
    public List<long[][]> Batches { get; } = [];

    public int NumForwards => Batches.Count;

    /// <summary>The canvases of a row, from the first forward pass to what the sampler returned.</summary>
    public long[][] Canvases(int[] sampled, int row = 0) => [.. Batches.Select(batch => batch[row]), [.. sampled.Select(token => (long)token)]];

    /// <summary>The positions that each step committed.</summary>
    public int[][] Commits(int[] sampled, int row = 0)
    {
        var canvases = Canvases(sampled, row);
        return [.. canvases.Zip(canvases.Skip(1), (before, after) =>
            Enumerable.Range(0, sampled.Length).Where(position => before[position] != after[position]).ToArray())];
    }

    public void Dispose() => _remove();
}
