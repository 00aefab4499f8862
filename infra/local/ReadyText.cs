namespace LLaDA.Batch.Local;

/// <summary>What is printed once requests can be answered.</summary>
/// <param name="Models">Ids of the models.</param>
internal sealed record ReadyText(string Address, string ApiKey, string DataFolder, IReadOnlyList<string> Models)
{
    /// <summary>What to do next where the system has ended.</summary>
    public const string AfterEnd = """

        Next, start it to stay, then fill texts of your own in another terminal:
          dotnet run --project infra/local -- up --data data
          dotnet run --project infra/cli -- fill FILE
        Guide:  docs/guide/README.md
        """;

    /// <summary>Scripts read the first line, and a shell can evaluate the lines with export.</summary>
    /// <param name="isTerminal">Otherwise the text may be kept in a log, so it names the file of the key instead of the key.</param>
    public string For(bool isTerminal)
    {
        string file = Path.Combine(DataFolder, InitialRecords.KeyFile);
        string key = isTerminal ? ApiKey : $"\"$(cat '{file.Replace("'", "'\\''", StringComparison.Ordinal)}')\"";
        return $"""
            ready {Address} key {(isTerminal ? ApiKey : $"in {file}")}

            export LLADA_BASE_URL={Address} LLADA_API_KEY={key}
            export OPENAI_BASE_URL={Address}/v1 OPENAI_API_KEY={key}

            Page:   {(isTerminal ? $"open {Address}/#key={ApiKey}" : $"open {Address}/ and enter the key")}
            Models: {string.Join(", ", Models)}
            Logs:   {Path.Combine(DataFolder, LocalStack.LogsName)}
            Guide:  docs/guide/README.md
            Next:   open the page, or paste the first export line into another terminal:
                    dotnet run --project infra/cli -- fill FILE --show
            Ctrl-C stops the system and keeps its data.
            """;
    }
}
