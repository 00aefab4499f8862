using System.CommandLine;

namespace LLaDA.Batch.Cli.Service;

/// <summary>The models that requests may name.</summary>
internal static class ServiceModelsCommand
{
    public static Command Create()
    {
        var target = new ServiceTarget();
        var command = new Command("list", "Lists the models that requests may name");
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.ListModelsAsync(cancellation), int.MaxValue,
                ("ID", model => model.Id), ("CONTEXT", model => model.ContextLength), ("OWNER", model => model.OwnedBy));
        });
        var group = new Command("models", "Models: list") { command };
        target.AddTo(group);
        return group;
    }
}
