using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;

namespace LLaDA.Batch.Cli.Service;

/// <summary>The options of all commands for users: which service they call, and whether they answer in JSON.</summary>
internal sealed class ServiceTarget
{
    private readonly Option<string?> _address = new("--address") { Description = "Address of the service; else LLADA_BASE_URL",
        Recursive = true };

    private readonly Option<string?> _key = new("--key") { Description = "API key; else LLADA_API_KEY", Recursive = true };

    private readonly Option<string> _profile = new("--profile")
    {
        Description = "What 'llada login' kept under this name",
        Recursive = true,
        DefaultValueFactory = _ => Profiles.Default,
    };

    private readonly Option<bool> _json = new("--json") { Description = "Answer in JSON Lines, on a terminal too", Recursive = true };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _address, _key, _profile, _json })
            command.Options.Add(option);
    }

    /// <summary>The service by its options, or else by the environment, or else by the last login.</summary>
    /// <exception cref="OperatorException">None of these names a service and a key.</exception>
    public LLaDAClient Connect(ParseResult parse)
    {
        var found = Find(parse);
        try
        {
            return new LLaDAClient(LLaDAClient.AddressOf(found.Address), found.Key);
        }
        catch (UriFormatException)
        {
            throw new OperatorException($"'{found.Address}' is no address: it begins with http:// or https://", ExitCodes.Usage);
        }
    }

    /// <inheritdoc cref="Connect"/>
    public Profile Find(ParseResult parse)
    {
        string name = parse.GetValue(_profile)!;
        var kept = Profiles.Find(name);
        bool isNamed = parse.GetResult(_profile) is { Implicit: false };
        if (isNamed && kept is null)
            throw new OperatorException($"There is no profile '{name}': 'llada login ADDRESS --profile {name}' makes one", ExitCodes.NoKey);
        string? address = parse.GetValue(_address) ?? (isNamed ? kept!.Address
            : Variable("LLADA_BASE_URL") ?? kept?.Address ?? Variable("OPENAI_BASE_URL"));
        string? key = parse.GetValue(_key) ?? (isNamed ? kept!.Key : Variable("LLADA_API_KEY") ?? kept?.Key ?? Variable("OPENAI_API_KEY"));
        return address is not null && key is not null
            ? new Profile(address, key)
            : throw new OperatorException(
                "No service is known: 'llada login ADDRESS' keeps one, or set LLADA_BASE_URL and LLADA_API_KEY", ExitCodes.NoKey);
    }

    public Shell Shell(ParseResult parse) => new(parse, parse.GetValue(_json));

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
