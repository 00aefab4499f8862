using System.CommandLine;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Cli.Terminal;

/// <summary>The options of all commands: which service a command works on, and whether it answers in JSON.</summary>
internal sealed class StorageTarget
{
    private readonly Option<DirectoryInfo?> _data = new("--data")
    {
        Description = "Data folder of a running local stack",
        Recursive = true,
    };

    private readonly Option<string?> _connectionString = new("--connection-string")
    {
        Description = "Connection string of the storage account",
        Recursive = true,
    };

    private readonly Option<string?> _account = new("--account")
    {
        Description = "Name of the storage account in Azure, reached by your identity ('az login', or a managed identity)",
        Recursive = true,
    };

    private readonly Option<string> _suffix = new("--endpoint-suffix")
    {
        Description = "Endpoint suffix of a sovereign cloud",
        Recursive = true,
        DefaultValueFactory = _ => new StorageOptions().EndpointSuffix,
    };

    private readonly Option<bool> _json = new("--json") { Description = "Answer in JSON", Recursive = true };

    public void AddTo(Command group)
    {
        foreach (Option option in new Option[] { _data, _connectionString, _account, _suffix, _json })
            group.Options.Add(option);
    }

    /// <exception cref="OperatorException">Not exactly one service is named, or the local stack is not running.</exception>
    public StorageAccount Connect(ParseResult parse)
    {
        var (data, connectionString, account) = (parse.GetValue(_data), parse.GetValue(_connectionString), parse.GetValue(_account));
        if (new object?[] { data, connectionString, account }.Count(given => given is not null) != 1)
            throw new OperatorException("Name the service with one of --data DIR, --account NAME and --connection-string TEXT");
        if (data is not null)
            connectionString = ReadConnectionString(data.FullName);
        var options = new StorageOptions
        {
            ConnectionString = connectionString,
            AccountName = account,
            EndpointSuffix = parse.GetValue(_suffix)!,
        };
        try
        {
            return new StorageAccount(options);
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            throw new OperatorException($"The storage account cannot be reached with these options: {exception.Message}");
        }
    }

    public Report Report(ParseResult parse)
    {
        var output = parse.InvocationConfiguration.Output;
        bool isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        return new(output, parse.GetValue(_json), isTerminal ? Screen.OfOutput().Width : null);
    }

    private static string ReadConnectionString(string data)
    {
        string path = Path.Combine(data, StorageOptions.ConnectionStringFile);
        if (File.Exists(path))
            return File.ReadAllText(path).Trim();
        throw new OperatorException(
            $"No local stack is up on {data}: start it with 'dotnet run --project infra/local -- up --data {data}'");
    }
}
