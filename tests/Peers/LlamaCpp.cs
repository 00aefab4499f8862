using LLama.Abstractions;
using LLama.Common;
using LLama.Extensions;
using LLama.Native;

namespace LLaDA.Batch.Peers;

/// <summary>A model in llama.cpp, which has no cache for it: every pass takes whole rows.</summary>
internal sealed class LlamaCpp : IDisposable
{
    private readonly SafeLlamaModelHandle _model;
    private readonly SafeLLamaContextHandle _context;
    private readonly int _vocabularySize;
    private readonly LLamaBatch _batch = new();

    /// <param name="maxRows">Rows of a pass, at most.</param>
    /// <param name="maxTokens">Tokens of all of them.</param>
    public LlamaCpp(string path, int vocabularySize, int maxRows, int maxTokens, int numThreads)
    {
        IModelParams files = new ModelParams(path) { GpuLayerCount = 0 };
        using (files.ToLlamaModelParams(out var parameters))
            _model = SafeLlamaModelHandle.LoadFromFile(path, parameters);
        IContextParams passes = new ModelParams(path)
        {
            ContextSize = (uint)maxTokens,
            BatchSize = (uint)maxTokens,
            UBatchSize = (uint)maxTokens,
            SeqMax = (uint)maxRows,
            Threads = numThreads,
            BatchThreads = numThreads,
        };
        passes.ToLlamaContextParams(out var context);
        _context = SafeLLamaContextHandle.Create(_model, context);
        _vocabularySize = vocabularySize;
    }

    /// <summary>One pass of rows that do not see each other.</summary>
    /// <returns>Logits of all tokens, one row after the other, until the next pass.</returns>
    public ReadOnlySpan<float> Forward(IReadOnlyList<int[]> rows)
    {
        _batch.Clear();
        for (int row = 0; row < rows.Count; row++)
        {
            for (int position = 0; position < rows[row].Length; position++)
                _batch.Add(rows[row][position], position, (LLamaSeqId)row, logits: true);
        }
        if (_context.Encode(_batch) != DecodeResult.Ok)
            throw new InvalidOperationException("llama.cpp could not compute the pass");
        return _context.GetLogits(_batch.TokenCount)[..(_batch.TokenCount * _vocabularySize)];
    }

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
    }
}
