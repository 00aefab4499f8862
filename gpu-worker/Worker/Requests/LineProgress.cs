using System.Collections.Immutable;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// What of a line is done: choices, lengths and infill windows of a text, samples of scores, answers of several. A line's result follows
/// from its request alone, so one that resumes from a state ends as others do, bit for bit on a CPU. Immutable.
/// </summary>
/// <param name="Scores">By completion.</param>
internal sealed record LineState(InfillState Infill, ImmutableDictionary<int, PartialScore> Scores)
{
    /// <summary>Nothing is done.</summary>
    public static LineState None { get; } = new(InfillState.None, ImmutableDictionary<int, PartialScore>.Empty);

    public GenerationState Generated { get; init; } = GenerationState.None;
}

/// <summary>What is done of a line that has several answers.</summary>
/// <param name="Length">Of the text between two others, in tokens; null until it is found.</param>
/// <param name="Texts">The finished ones, by answer.</param>
internal sealed record GenerationState(int? Length, ImmutableDictionary<int, GeneratedText> Texts)
{
    public static GenerationState None { get; } = new(null, ImmutableDictionary<int, GeneratedText>.Empty);
}

/// <summary>The state of a line while it runs. Safe for use by several threads.</summary>
/// <param name="state">Where it resumes.</param>
/// <param name="share">The share of the line that is done there, in [0, 1].</param>
internal sealed class LineProgress(LineState state, double share)
{
    private readonly Lock _lock = new();
    private LineState _state = state;
    private double _share = share;

    public LineProgress()
        : this(LineState.None, share: 0)
    {
    }

    public LineState State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    /// <summary>The share of the line that is done, in [0, 1].</summary>
    public double Share
    {
        get
        {
            lock (_lock)
                return _share;
        }
    }

    /// <summary>Takes the state of a text.</summary>
    /// <param name="share">The share of the line that is done with it, in [0, 1].</param>
    public void Set(InfillState infill, double share)
    {
        lock (_lock)
            (_state, _share) = (_state with { Infill = infill }, share);
    }

    /// <summary>Takes a finished answer.</summary>
    /// <param name="numAnswers">Of the whole line.</param>
    public void Set(int answer, GeneratedText text, int numAnswers)
    {
        lock (_lock)
        {
            var done = _state.Generated with { Texts = _state.Generated.Texts.SetItem(answer, text) };
            (_state, _share) = (_state with { Generated = done }, (double)done.Texts.Count / numAnswers);
        }
    }

    /// <summary>Takes the length of the text between two others. It counts nothing: answers are what takes long.</summary>
    public void SetLength(int length)
    {
        lock (_lock)
            _state = _state with { Generated = _state.Generated with { Length = length } };
    }

    /// <summary>Takes the samples of a completion.</summary>
    /// <param name="numSamples">Of the whole line.</param>
    public void Set(int completion, PartialScore score, double numSamples)
    {
        lock (_lock)
        {
            _state = _state with { Scores = _state.Scores.SetItem(completion, score) };
            _share = _state.Scores.Values.Sum(done => done.NumSamples) / numSamples;
        }
    }
}
