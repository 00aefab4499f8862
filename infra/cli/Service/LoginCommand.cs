using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;

namespace LLaDA.Batch.Cli.Service;

/// <summary>Keeps the address of a service and a key for it.</summary>
internal static class LoginCommand
{
    public static Command Create()
    {
        var address = new Argument<string>("address") { Description = "Address of the service, such as http://127.0.0.1:8080" };
        var key = new Option<string?>("--key") { Description = "API key; without it, it is read from the terminal or from the input" };
        var profile = new Option<string>("--profile") { Description = "Name to keep it under", DefaultValueFactory = _ =>
            Profiles.Default };
        var command = new Command("login", "Keeps a service and its key for the other commands") { address, key, profile };
        command.SetAction(async (parse, cancellation) =>
        {
            string text = parse.GetRequiredValue(address);
            Uri service;
            try
            {
                service = LLaDAClient.AddressOf(text);
            }
            catch (UriFormatException)
            {
                throw new OperatorException($"'{text}' is no address: it begins with http:// or https://", ExitCodes.Usage);
            }
            string secret = parse.GetValue(key) ?? ReadKey(parse.InvocationConfiguration.Error);
            using var client = new LLaDAClient(service, secret);
            int models = await client.ListModelsAsync(cancellation).CountAsync(cancellation);
            Profiles.Keep(parse.GetRequiredValue(profile), new Profile(service.ToString(), secret));
            await parse.InvocationConfiguration.Error.WriteLineAsync(
                $"Logged in to {service} with {models} models; kept in {Profiles.Path}");
        });
        return command;
    }

    /// <summary>Reads the key, without showing it on a terminal.</summary>
    private static string ReadKey(TextWriter error)
    {
        if (Console.IsInputRedirected)
            return Console.In.ReadLine()?.Trim() ?? "";
        error.Write("API key: ");
        var key = new System.Text.StringBuilder();
        for (var pressed = Console.ReadKey(intercept: true); pressed.Key != ConsoleKey.Enter; pressed = Console.ReadKey(intercept: true))
        {
            if (pressed.Key == ConsoleKey.Backspace)
                key.Length = Math.Max(0, key.Length - 1);
            else
                key.Append(pressed.KeyChar);
        }
        error.WriteLine();
        return key.ToString().Trim();
    }
}
