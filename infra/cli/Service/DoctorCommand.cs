using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Cli.Service;

/// <summary>Says whether the service can be used from here, and what is wrong where it cannot.</summary>
internal static class DoctorCommand
{
    private static readonly TimeSpan s_clockTolerance = TimeSpan.FromMinutes(5);

    private sealed record Finding(string Check, bool IsGood, string Text);

    public static Command Create()
    {
        var target = new ServiceTarget();
        var command = new Command("doctor", "Checks the address, the key, the models, the clock and the service's storage");
        target.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var (shell, service) = (target.Shell(parse), target.Find(parse));
            var findings = await FindAsync(service, cancellation);
            foreach (var finding in findings)
                shell.Result(finding, $"{(finding.IsGood ? "good" : "BAD "),-4}  {finding.Check}: {finding.Text}");
            return findings.TrueForAll(finding => finding.IsGood) ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }

    private static async Task<List<Finding>> FindAsync(Profile service, CancellationToken cancellation)
    {
        List<Finding> findings = [];
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        using var client = new LLaDAClient(LLaDAClient.AddressOf(service.Address), service.Key, http);
        try
        {
            using var live = await http.GetAsync(new Uri(LLaDAClient.AddressOf(service.Address), "readyz"), cancellation);
            findings.Add(new("address", true, $"{service.Address} answers"));
            findings.Add(new("storage", live.IsSuccessStatusCode, live.IsSuccessStatusCode ? "the service reaches its storage"
                : $"/readyz answers {(int)live.StatusCode}"));
            if (live.Headers.Date is { } date)
            {
                var apart = (TimeProvider.System.GetUtcNow() - date).Duration();
                findings.Add(new("clock", apart < s_clockTolerance, $"{apart.TotalSeconds:F0} s apart from the service's"));
            }
        }
        catch (HttpRequestException failure)
        {
            return [new("address", false, $"{service.Address} cannot be reached: {failure.Message}")];
        }
        try
        {
            var models = await client.ListModelsAsync(cancellation).ToListAsync(cancellation);
            findings.Add(new("key", true, "the service accepts it"));
            findings.Add(new("models", models.Count > 0, models.Count > 0 ? string.Join(", ", models.Select(model =>
                model.Id)) : "none: an operator adds one with 'llada admin models add'"));
        }
        catch (ServiceException failure)
        {
            findings.Add(new("key", false, failure.Message));
        }
        return findings;
    }
}
