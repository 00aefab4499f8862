using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>
/// How a prompt with a partly masked answer passes. A block-causal model gets the whole text and behind it once more the blocks of the
/// answer with their masks: each sees itself and the unmasked blocks before it, as in its training. Others get the text with its masks.
/// </summary>
internal sealed class ScoredRow
{
    private readonly LLaDAConfig _config;
    private readonly IReadOnlyList<int> _prompt;
    private readonly IReadOnlyList<int> _answer;
    private readonly int _masksFrom;

    public ScoredRow(LLaDAConfig config, IReadOnlyList<int> prompt, IReadOnlyList<int> answer)
    {
        prompt = [.. config.VirtualTokens, .. prompt];
        (_config, _prompt, _answer) = (config, prompt, answer);
        int length = prompt.Count + answer.Count;
        // The first position that passes a second time, or the canvas's end.
        _masksFrom = config.BlockLength is { } blockLength ? prompt.Count / blockLength * blockLength : length;
        Length = length + (length - _masksFrom);
        Parts = config.BlockLength is { } size
            ? [.. Enumerable.Range(0, answer.Count).GroupBy(token => (prompt.Count + token) / size, (_, part) => part.ToArray())]
            : [[.. Enumerable.Range(0, answer.Count)]];
    }

    /// <summary>Tokens that pass.</summary>
    public int Length { get; }

    /// <summary>Tokens of the answer, from 0, whose probabilities are bounded together: those of a block, or all.</summary>
    public int[][] Parts { get; }

    private int NumTokens => _prompt.Count + _answer.Count;

    /// <summary>The place of the pass whose logits predict a token of the answer.</summary>
    public int PlaceOf(int token)
    {
        int position = _prompt.Count + token;
        return _config.BlockLength is null ? _config.PlaceOf(position) : NumTokens + position - _masksFrom;
    }

    /// <param name="pattern">By token of the answer, true where masked.</param>
    /// <param name="masksPrompt">Whether all tokens of the prompt are masked.</param>
    public IEnumerable<long> Tokens(bool[] pattern, bool masksPrompt)
    {
        bool isDoubled = _config.BlockLength is not null;
        for (int place = 0; place < Length; place++)
        {
            bool hasMasks = !isDoubled || place >= NumTokens;
            int position = place < NumTokens ? place : place - NumTokens + _masksFrom;
            yield return position < _prompt.Count
                ? (masksPrompt ? _config.MaskTokenId : _prompt[position])
                : hasMasks && pattern[position - _prompt.Count] ? _config.MaskTokenId : _answer[position - _prompt.Count];
        }
    }

    /// <param name="tokens">[rows * Length].</param>
    /// <returns>[rows * Length, D].</returns>
    public Tensor Hidden(MaskPredictor model, Tensor tokens, int numRows)
    {
        if (_config.BlockLength is not { } blockLength)
            return model.Hidden(tokens.view(numRows, Length)).flatten(0, 1);
        long[] positions = [.. Enumerable.Range(0, NumTokens).Concat(Enumerable.Range(_masksFrom, Length - NumTokens))
            .Select(position => (long)position)];
        var segment = new Segment(0, numRows, Length) { Mask = Mask(positions, blockLength, model.Device) };
        return model.Hidden(new PackedTokens(tokens, PinnedUpload.To(model.Device, positions).repeat(numRows), [segment]));
    }

    /// <returns>[1, 1, Length, Length], true where a place sees another.</returns>
    private Tensor Mask(long[] positions, int blockLength, Device device)
    {
        bool[] sees = new bool[Length * Length];
        for (int query = 0; query < Length; query++)
        {
            for (int key = 0; key < Length; key++)
            {
                long queryBlock = positions[query] / blockLength, keyBlock = positions[key] / blockLength;
                sees[(query * Length) + key] = (query >= NumTokens, key >= NumTokens) switch
                {
                    (true, true) => keyBlock == queryBlock,
                    (true, false) => keyBlock < queryBlock,
                    (false, true) => false,
                    _ => keyBlock <= queryBlock,
                };
            }
        }
        return PinnedUpload.To(device, sees, [1, 1, Length, Length]);
    }
}
