using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>A document as a line of its batch: its relative name is the custom_id. Either a request or settled, never both.</summary>
internal sealed record DocumentLine
{
    /// <summary>The request that a worker has to run.</summary>
    public ShardLine? Request { get; private init; }

    /// <summary>The outcome that needs no worker.</summary>
    public SettledLine? Settled { get; private init; }

    /// <summary>The size of its text; 0 when it was not read.</summary>
    public int Bytes { get; private init; }

    public static DocumentLine ToRun(ShardLine request, int bytes) => new() { Request = request, Bytes = bytes };

    public static DocumentLine Refused(int number, string name, LineError error, int bytes = 0) =>
        new() { Settled = SettledLine.Refused(number, name, error), Bytes = bytes };

    /// <summary>A document without a gap, which goes to the output folder as it is.</summary>
    public static DocumentLine Copied(int number, string name, string text, int bytes) =>
        new() { Settled = SettledLine.Answered(number, name, new CopiedDocument(text)), Bytes = bytes };
}

/// <summary>The answer of a document that was copied: the form of a filled text, without spans and without tokens.</summary>
internal sealed record CopiedDocument(string Text)
{
    public string Object { get; } = "infill";

    public bool Copied { get; } = true;

    public IReadOnlyList<object> Spans { get; } = [];

    public LineUsage Usage { get; } = new(PromptTokens: 0, CompletionTokens: 0);
}
