namespace LLaDA.Batch.Local;

/// <summary>What <c>up</c> prints once requests can be answered.</summary>
/// <param name="Models">Ids of the models.</param>
internal sealed record ReadyText(string Address, string ApiKey, string DataFolder, IReadOnlyList<string> Models)
{
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
            Next:   paste the export lines into another terminal, then: dotnet run --project infra/cli -- fill FILE;
                    'dotnet run --project infra/cli -- admin jobs list --data {DataFolder}' lists the jobs;
                    Ctrl-C stops the system and keeps its data.
            """;
    }
}
