using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests;

/// <summary>Keeps what passes through a network until it is disposed, and the canvases of the rows that it watches.</summary>
internal sealed class Recording : IDisposable
{
    private readonly Action _remove;

    public Recording(MaskPredictor model, Action<int>? onForward = null)
    {
        var embedding = (Embedding)model.named_children().Single(child => child.name == "wte").module;
        _remove = embedding.register_forward_pre_hook((_, tokens) =>
        {
            Passes.Add([.. tokens.data<long>()]);
            onForward?.Invoke(Passes.Count);
            return tokens;
        }).remove;
    }

    /// <summary>The packed tokens of every forward pass.</summary>
    public List<long[]> Passes { get; } = [];

    public int NumForwards => Passes.Count;

    /// <summary>By watched row, the canvas before the first step and after each.</summary>
    public List<List<int[]>> Canvases { get; } = [];

    public SamplingRow Watch(SamplingRow row)
    {
        List<int[]> canvases = [[.. row.Canvas]];
        Canvases.Add(canvases);
        return row with { OnStep = progress => canvases.Add([.. progress.Canvas]) };
    }

    /// <summary>The positions of a watched row that each step committed.</summary>
    public int[][] Commits(int row = 0) =>
        [.. Canvases[row].Zip(Canvases[row].Skip(1), Changed)];

    public void Dispose() => _remove();

    private static int[] Changed(int[] before, int[] after) =>
        [.. Enumerable.Range(0, before.Length).Where(position => before[position] != after[position])];
}
