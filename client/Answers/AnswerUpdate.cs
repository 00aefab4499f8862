namespace LLaDA.Batch.Client.Answers;

/// <summary>What a stream brings. Exactly one of frame, text and filled text is not null.</summary>
public sealed record AnswerUpdate
{
    /// <summary>Which of several answers it belongs to, from 0.</summary>
    public int Choice { get; init; }

    /// <summary>The canvas after a step.</summary>
    public AnswerFrame? Frame { get; init; }

    /// <summary>Text that is settled, of a dialogue.</summary>
    public string? Text { get; init; }

    /// <summary>The whole answer of an infill request, which ends the stream.</summary>
    public InfillAnswer? Infill { get; init; }
}

/// <summary>A canvas between two denoising steps.</summary>
/// <param name="Block">The block in work, from 0.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Text">The whole text, with a sign for each mask.</param>
public sealed record AnswerFrame(int Block, int Step, int MasksLeft, string Text);
