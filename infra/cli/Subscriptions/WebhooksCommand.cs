using System.CommandLine;
using LLaDA.Batch.Cli.Service;

namespace LLaDA.Batch.Cli.Subscriptions;

/// <summary>Webhook endpoints of the tenant.</summary>
internal static class WebhooksCommand
{
    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("webhooks", "Webhook endpoints: list, create, delete") { List(target), Create(target), Delete(target) };
        target.AddTo(group);
        return group;
    }

    private static Command List(ServiceTarget target)
    {
        var command = new Command("list", "Lists endpoints");
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.Webhooks.ListAsync(cancellation), int.MaxValue,
                ("ID", endpoint => endpoint.Id), ("URL", endpoint => endpoint.Url), ("EVENTS", endpoint => string.Join(",",
                    endpoint.Events)));
        });
        return command;
    }

    private static Command Create(ServiceTarget target)
    {
        var url = new Argument<string>("url") { Description = "Address that is called" };
        var events = new Option<string[]>("--event") { Description = "Name of an event; may be repeated; all by default",
            DefaultValueFactory = _ => [] };
        var command = new Command("create", "Registers an endpoint and prints its secret, which is shown once") { url, events };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            string[] chosen = parse.GetValue(events)!;
            var endpoint = await client.Webhooks.CreateAsync(parse.GetRequiredValue(url), chosen.Length == 0 ? null : chosen, cancellation);
            target.Shell(parse).Result(endpoint, $"{endpoint.Id} {endpoint.Secret}");
        });
        return command;
    }

    private static Command Delete(ServiceTarget target)
    {
        var id = new Argument<string>("id") { Description = "we_..." };
        var command = new Command("delete", "Deletes an endpoint") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await client.Webhooks.DeleteAsync(parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Say($"{parse.GetRequiredValue(id)} is deleted");
        });
        return command;
    }
}
